package html

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/reprodisk/reprodisk/report"
)

//go:embed assets
var assets embed.FS

// The parts of the page's script and style, in the order in which they stand.
var (
	scripts = []string{"words.js", "data.js", "search.js", "rows.js", "tree.js", "diff.js", "hex.js", "detail.js", "shapes.js", "disk.js", "worlds.js", "print.js", "main.js"}
	styles  = []string{"base.css", "tree.css", "detail.css", "disk.css", "print.css"}
)

// script and style are the page's own, and the only ones that it may run.
var (
	script = joined(scripts, "(() => {\n'use strict';\n", "})();\n")
	style  = joined(styles, "", "")
)

func joined(names []string, before, behind string) string {
	var out strings.Builder
	out.WriteString(before)
	for _, name := range names {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // the list above names a file that is not there
		}
		out.Write(b)
	}
	out.WriteString(behind)
	return out.String()
}

// page is the markup around the script, style and data.
var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"visible": report.Visible, "size": report.HumanSize, "commas": report.Commas, "counted": counted,
}).ParseFS(assets, "assets/page.html"))

// digestOf names a script or style in a policy: CSP 3, section 2.3.1,
// hash-source.
func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Options say how Write renders.
type Options struct {
	Max int // root findings in the summary that needs no JavaScript: 200 where it is 0
}

const defaultMax = 200

// Write writes the page. The report is one that Finish or ReadJSON returned.
func Write(w io.Writer, r *report.Report, opt Options) error {
	if opt.Max <= 0 {
		opt.Max = defaultMax
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := page.ExecuteTemplate(out, "head", newHead(r)); err != nil {
		return fmt.Errorf("report as HTML: %w", err)
	}
	out.WriteString("<style>" + style + "</style>\n</head>\n")
	if err := page.ExecuteTemplate(out, "body", newBody(r, opt)); err != nil {
		return fmt.Errorf("report as HTML: %w", err)
	}
	d := newDetails(r)
	if err := block(out, "index", newIndex(r, d)); err != nil {
		return err
	}
	// The script stands before the details: it draws the page while the browser
	// still reads them.
	out.WriteString("<script>" + script + "</script>\n")
	for i := range d.starts {
		if err := block(out, fmt.Sprint("details-", i), d.piece(i)); err != nil {
			return err
		}
	}
	out.WriteString("</body>\n</html>\n")
	return out.Flush()
}

// block embeds data that the script reads: HTML 4.12.1, a data block.
func block(out *bufio.Writer, id string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("report as HTML: %w", err)
	}
	fmt.Fprintf(out, `<script type="application/json" id="%s">`, id)
	out.Write(b)
	_, err = out.WriteString("</script>\n")
	return err
}

// counted is report.Counted for whatever kind of number the markup has.
func counted(n any, noun string) string {
	switch n := n.(type) {
	case int:
		return report.Counted(int64(n), noun)
	case int64:
		return report.Counted(n, noun)
	}
	return fmt.Sprint(n, " ", noun)
}
