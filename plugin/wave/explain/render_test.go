package explain
import ("testing";"os")
func TestX(t *testing.T) {
 for n,p := range map[string]func() any{} { _,_ = n,p }
 w := func(name string, f Format, o Options, p interface{}) {}
 _ = w
 for _, c := range []struct{n string; d func()}{} { _ = c }
 pl := staging(); tr := troubled(); pf := platform(8); big := platform(60); h := hostile()
 for n, p := range map[string]any{"staging":pl,"troubled":tr,"platform":pf,"big":big,"hostile":h} {
  _ = p
  for _, f := range Formats() {
    o,_ := os.Create("/tmp/explain-look/"+n+"."+f); 
    var pp = map[string]any{}; _ = pp
    switch n { case "staging": Write(o, pl, Format(f), Options{Title:"payments-api/overlays/staging"}); case "troubled": Write(o,tr,Format(f),Options{}); case "platform": Write(o,pf,Format(f),Options{}); case "big": Write(o,big,Format(f),Options{}); case "hostile": Write(o,h,Format(f),Options{})}
    o.Close()
  }
 }
}
