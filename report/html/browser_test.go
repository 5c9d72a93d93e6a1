package html

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/reprodisk/reprodisk/internal/judge"
	"github.com/reprodisk/reprodisk/report"
)

// browser is a running Chromium, for all tests of the package.
var browser struct {
	once   sync.Once
	ctx    context.Context
	err    error
	cancel func()
}

func TestMain(m *testing.M) {
	status := m.Run()
	if browser.cancel != nil {
		browser.cancel()
	}
	os.Exit(status)
}

func startBrowser(t testing.TB) context.Context {
	t.Helper()
	path := judge.Tool(t, "chromium")
	browser.once.Do(func() {
		dir, err := os.MkdirTemp("", "reprodisk-chromium-")
		if err != nil {
			browser.err = err
			return
		}
		opts := append(chromedp.DefaultExecAllocatorOptions[:],
			chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WSURLReadTimeout(5*time.Minute), chromedp.NoSandbox, chromedp.DisableGPU,
			chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		)
		alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
		ctx, cancel := chromedp.NewContext(alloc)
		browser.cancel = func() {
			cancel()
			stop()
			os.RemoveAll(dir)
		}
		browser.ctx, browser.err = ctx, chromedp.Do(ctx)
	})
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	return browser.ctx
}

// tab is an open page.
type tab struct {
	t   testing.TB
	ctx context.Context
	mu  sync.Mutex
	// What the page complained about, and what it asked of the network.
	complaints, requests []string
}

// open shows a file in a window of the given width.
func open(t testing.TB, file, fragment string, width int64) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(startBrowser(t))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx}
	note := func(list *[]string, s string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		*list = append(*list, s)
	}
	if err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *cdpruntime.EventExceptionThrown:
			note(&p.complaints, fmt.Sprint(ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception))
		case *cdpruntime.EventConsoleAPICalled:
			note(&p.complaints, fmt.Sprint(ev.Type, ev.Args))
		case *cdplog.EventEntryAdded:
			note(&p.complaints, ev.Entry.Text)
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(ev.Request.URL, "data:") {
				note(&p.requests, ev.Request.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	call(p, network.Enable, network.EnableParams{})
	p.do(chromedp.EmulateViewport(width, 900), chromedp.Navigate("file://"+file+fragment))
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// value is what an action gives.
func value[T any](p *tab, a chromedp.Action[T]) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, a)
	if err != nil {
		p.t.Fatal(err)
	}
	return v
}

// call sends a command of the DevTools protocol.
func call[P, R any](p *tab, c cdp.Command[P, R], params P) R {
	p.t.Helper()
	return value(p, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, c, params) })
}

// eval is the value of an expression, as a string.
func (p *tab) eval(js string) string {
	p.t.Helper()
	return value(p, chromedp.Evaluate[string]("String("+js+")"))
}

// wait waits until an expression is what is wanted.
func (p *tab) wait(js, want string) {
	p.t.Helper()
	var got string
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if got = p.eval(js); got == want {
			return
		}
	}
	p.t.Fatalf("%s is %q, want %q", js, got, want)
}

// contains waits until an expression contains all that is wanted.
func (p *tab) contains(js string, wants ...string) {
	p.t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		got := p.eval(js)
		lacks := slices.DeleteFunc(slices.Clone(wants), func(want string) bool { return strings.Contains(got, want) })
		switch {
		case len(lacks) == 0:
			return
		case time.Now().After(until):
			p.t.Errorf("%s lacks %q: %s", js, lacks, got)
			return
		}
	}
}

// press presses keys one after the other: named ones, or a character each.
func (p *tab) press(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		if k < " " || k > "~" {
			p.do(chromedp.KeyEvent(k))
			continue
		}
		// One event with its text, as of a real key: what the page makes of it
		// is not typed as well.
		down := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: k, Text: k, UnmodifiedText: k}
		call(p, input.DispatchKeyEvent, down)
		call(p, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: k})
	}
}

// goTo follows a link to a finding.
func (p *tab) goTo(r *report.Report, id string) {
	p.t.Helper()
	for i := range r.Findings {
		if r.Findings[i].ID == id {
			p.eval(`location.hash = "#finding-` + strconv.Itoa(i) + `"`)
			p.wait(`document.querySelector('#detail .id').textContent`, report.Visible(id))
			return
		}
	}
	p.t.Fatalf("no finding %s", id)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// quiet checks that the page complained about nothing and asked for nothing.
func (p *tab) quiet() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.complaints) > 0 {
		p.t.Errorf("the console says %q", p.complaints)
	}
	if len(p.requests) != 1 {
		p.t.Errorf("the page asked for %q", p.requests)
	}
}

// shot keeps a picture for a person where REPRODISK_SHOTS names a folder.
func (p *tab) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("REPRODISK_SHOTS")
	if dir == "" {
		return
	}
	png := value(p, chromedp.CaptureScreenshot())
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o666); err != nil {
		p.t.Fatal(err)
	}
}

// file writes a report's page.
func file(t testing.TB, r *report.Report) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(f, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return name
}
