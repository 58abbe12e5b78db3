package explain

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// canvas writes SVG elements. Every text goes through escape, every number through num.
type canvas struct{ out *bytes.Buffer }

// font is a way to write text, with how wide its characters are at the most, roughly.
type font struct {
	attributes string
	char       float64
}

const (
	sans = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
	mono = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace"

	inkStrong = "#1f2328"
	inkSoft   = "#57606a"
	inkGate   = "#9a6700"
	inkAlarm  = "#cf222e"
)

var (
	fontTitle = font{`font-size="18" font-weight="600"`, 10.5}
	fontStage = font{`font-size="15" font-weight="600"`, 8.6}
	fontKind  = font{`font-size="12.5" font-weight="600"`, 7.5}
	fontName  = font{`font-family="` + mono + `" font-size="11"`, 6.65}
	fontSmall = font{`font-size="11.5"`, 6.4}
	fontTiny  = font{`font-size="10.5"`, 5.9}
)

func (f font) width(s string) float64 { return f.char * float64(columns(s)) }

// fit clips the text to a width.
func (f font) fit(s string, width float64) string { return clip(s, int(width/f.char)) }

func (c *canvas) open(width, height float64, title, description string) {
	fmt.Fprintf(c.out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]s %[2]s" width="%[1]s" height="%[2]s" font-family="%[3]s" role="img">`+"\n",
		num(width), num(height), sans)
	fmt.Fprintf(c.out, "<title>%s</title>\n<desc>%s</desc>\n", escape(title), escape(description))
}

func (c *canvas) close() { c.out.WriteString("</svg>\n") }

// group writes what draw draws as one group, with a tooltip of the given lines.
func (c *canvas) group(tooltip []string, draw func()) {
	c.out.WriteString("<g>")
	if len(tooltip) > 0 {
		lines := make([]string, len(tooltip))
		for i, line := range tooltip {
			lines[i] = escape(clipMiddle(line, 320))
		}
		c.out.WriteString("<title>" + strings.Join(lines, "\n") + "</title>")
	}
	c.out.WriteByte('\n')
	draw()
	c.out.WriteString("</g>\n")
}

func (c *canvas) rect(x, y, width, height, radius float64, attributes string) {
	fmt.Fprintf(c.out, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" %s/>`+"\n",
		num(x), num(y), num(width), num(height), num(radius), attributes)
}

func (c *canvas) text(x, y float64, f font, ink, s string) {
	fmt.Fprintf(c.out, `<text x="%s" y="%s" %s fill="%s">%s</text>`+"\n", num(x), num(y), f.attributes, ink, escape(s))
}

func (c *canvas) path(d, attributes string) {
	fmt.Fprintf(c.out, `<path d="%s" %s/>`+"\n", d, attributes)
}

// pause draws the sign of a gate: two bars.
func (c *canvas) pause(x, y float64, ink string) {
	c.path(fmt.Sprintf("M%s %sv8M%s %sv8", num(x+1.5), num(y), num(x+5.5), num(y)), `stroke="`+ink+`" stroke-width="2.4" fill="none"`)
}

// num writes a coordinate with one decimal at most.
func num(f float64) string {
	return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64)
}

var xmlEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escape(s string) string { return xmlEscape.Replace(visible(s)) }
