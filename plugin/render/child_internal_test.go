package render

import "testing"

func TestAChildThatIsRefusedMemoryIsToldFromOneThatIsBroken(t *testing.T) {
	for said, want := range map[string]bool{
		"fatal error: runtime: out of memory\n":                                                                                        true,
		"runtime: mmap: cannot allocate memory\n":                                                                                      true,
		"runtime/cgo: pthread_create failed: Resource temporarily unavailable\n":                                                       true,
		"SIGSEGV: segmentation violation\nPC=0x46d2c1 m=4 sigcode=1 addr=0x0\n":                                                        true,
		"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1]\n": false,
		"fatal error: unexpected signal during runtime execution\n[signal SIGSEGV: segmentation violation code=0x1]\n":                 true,
		"": false,
	} {
		var p process
		p.stderr.WriteString(said)
		if p.outOfMemory() != want {
			t.Errorf("%q: out of memory: %v", said, !want)
		}
	}
}
