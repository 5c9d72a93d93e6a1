package html

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	activeRow  = `document.querySelector('.row.active').textContent`
	detailText = `document.querySelector('#detail').innerText`
	rowsText   = `document.querySelector('#rows').textContent`
	statusText = `document.querySelector('#status').innerText`
	sightText  = `document.querySelector('#sight').innerText`
)

func TestPageShowsFindings(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	p.contains(`document.body.innerText`, "not reproducible: 7 causes and 1 allowed difference, 45,628 of 2,147,483,648 bytes differ",
		"result/nixos.img", "result.check/nixos.img", "the two FATs of a differ", "The policy allows 1 difference", "14 builds, isolated")
	p.contains(rowsText, "partition 2 › ext4", "superblock", "s_hash_seed", "/etc/machine-id", "allowed")
	if got := p.eval(rowsText); strings.Contains(got, "s_checksum") {
		t.Error("a consequence is not folded: " + got)
	}
	// The first cause is open: its values stand side by side.
	p.contains(detailText, "DiskGUID", "97FD5997-F390-0B4A-A3F8-D106C1723AEA", "1C1E6A51-33F0-4D39-8B35-2C8E22FA1AF2",
		"sgdisk --disk-guid=GUID", "every image has its own disk GUID", "568", "1 consequence")
	p.shot("findings")
	p.quiet()
}

func TestKeyboard(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	p.do(chromedp.Focus(chromedp.CSS("#tree")))
	p.contains(activeRow, "DiskGUID")
	p.press(kb.ArrowRight)
	p.contains(rowsText, "HeaderCRC32")
	p.press(kb.ArrowRight)
	p.contains(activeRow, "HeaderCRC32")
	p.contains(detailText, "Follows from", "DiskGUID")
	p.press(kb.ArrowLeft, kb.ArrowLeft)
	if got := p.eval(rowsText); strings.Contains(got, "HeaderCRC32") {
		t.Error("not folded: " + got)
	}
	p.press("n", "n", "n")
	p.contains(activeRow, "s_hash_seed")
	p.contains(`document.querySelector('#tree').getAttribute('aria-activedescendant')`, "row-")
	p.contains(`document.getElementById(document.querySelector('#tree').getAttribute('aria-activedescendant')).innerText`, "s_hash_seed")
	if got := p.eval(`getComputedStyle(document.querySelector('.row.active')).outlineStyle`); got != "solid" {
		t.Errorf("the focus is not seen: outline %s", got)
	}
	p.press(kb.Enter)
	p.wait(`document.activeElement.id`, "detail")
	p.press(kb.Escape)
	p.wait(`document.activeElement.id`, "tree")
	p.press(kb.End)
	p.contains(activeRow, "/var/log/build.log")
	p.press(kb.Home)
	p.contains(activeRow, "disk")
	p.press(kb.Enter) // folds the group
	if got := p.eval(rowsText); strings.Contains(got, "DiskGUID") {
		t.Error("the group is not folded: " + got)
	}
	p.press("?")
	p.wait(`document.querySelector('#help').open`, "true")
	p.press(kb.Escape)
	p.wait(`document.querySelector('#help').open`, "false")
	p.press("/")
	p.wait(`document.activeElement.id`, "search")
	p.quiet()
}

func TestSearchAndFilters(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	search := func(words, status string) {
		t.Helper()
		if p.eval(`document.querySelector('#clear') === null`) == "false" {
			p.click("#clear")
			p.wait(statusText, "13 findings")
		}
		p.eval(`document.activeElement.blur()`)
		p.press("/")
		p.do(chromedp.KeyEvent(words))
		p.wait(statusText, status)
	}
	search("hash_seed", "2 of 13 findings Clear")
	p.contains(rowsText, "s_hash_seed", "backup superblock s_hash_seed")
	p.press(kb.Enter)
	p.contains(detailText, "superblock s_hash_seed")
	search("host-b", "1 of 13 findings Clear") // stands in a diff only
	p.contains(rowsText, "/var/log/build.log")
	search("c_mtime", "1 of 13 findings Clear") // inside of a file
	search("/etc/passwd", "1 of 13 findings Clear")
	search("random MKE2FS", "1 of 13 findings Clear")
	search("no such thing", "0 of 13 findings Clear")
	p.press(kb.Escape)
	p.wait(statusText, "13 findings")
	choose := func(id, value, status string) {
		t.Helper()
		p.eval(`(() => { const s = document.querySelector('#` + id + `'); s.value = '` + value + `'; s.dispatchEvent(new Event('change')); })()`)
		p.wait(statusText, status)
	}
	choose("filter-allowed", "no", "11 of 13 findings Clear")
	choose("filter-derived", "roots", "7 of 13 findings Clear")
	choose("filter-cause", "0", "3 of 13 findings Clear")
	choose("filter-partition", "2", "2 of 13 findings Clear")
	p.contains(rowsText, "i_ctime", "/boot/initrd")
	p.click("#clear")
	p.wait(statusText, "13 findings")
	p.eval(`(() => { const s = document.querySelector('#filter-variation'); s.selectedIndex = 3; s.dispatchEvent(new Event('change')); })()`)
	p.wait(statusText, "1 of 13 findings Clear")
	p.contains(rowsText, "/var/log/build.log")
	p.quiet()
}

func TestDiskZooms(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	p.wait(sightText, "whole disk")
	p.click(`[data-keep="part-a1"]`)
	p.wait(sightText, "236 MiB from 8 MiB")
	p.shot("zoomed")
	p.click("#only-sight")
	p.wait(statusText, "1 of 13 findings Clear")
	p.contains(rowsText, "BS_VolID")
	p.click("#only-sight")
	p.wait(statusText, "13 findings")
	p.click("#zoom-all")
	p.wait(sightText, "whole disk")
	p.do(chromedp.Focus(chromedp.CSS(`[data-keep="part-a2"]`)))
	p.press(kb.Enter)
	p.contains(sightText, "1.7 GiB from 244 MiB")
	p.press(kb.Escape)
	p.wait(sightText, "whole disk")
	// A range is drawn with the pointer, from a fourth to a half of the strip.
	box := value(p, chromedp.Evaluate[[]float64](`(() => { const r = document.querySelector('.strip').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`))
	x, y := func(share float64) float64 { return box[0] + box[2]*share }, box[1]+box[3]/2
	p.do(chromedp.MouseEvent("mousePressed", x(0.25), y, chromedp.ButtonLeft), chromedp.MouseEvent("mouseMoved", x(0.5), y, chromedp.ButtonLeft),
		chromedp.MouseEvent("mouseReleased", x(0.5), y, chromedp.ButtonLeft))
	p.contains(sightText, "512 MiB from 512 MiB")
	p.do(chromedp.Focus(chromedp.CSS(".strip")))
	p.press(kb.ArrowRight)
	p.contains(sightText, "512 MiB from 640 MiB")
	p.press("+")
	p.contains(sightText, "256 MiB from 768 MiB")
	p.press(kb.Escape, kb.Escape)
	p.wait(sightText, "whole disk")
	if n := p.eval(`document.querySelectorAll('.heat').length > 3 && document.querySelectorAll('.cause').length > 3`); n != "true" {
		t.Error("nothing shows where the disk differs")
	}
	p.quiet()
}

func TestPartitionsThatMoved(t *testing.T) {
	p := open(t, file(t, samples(t)["moved"]), "", 1280)
	if n := p.eval(`document.querySelectorAll('.part').length + ' ' + document.querySelectorAll('.part.moved').length`); n != "5 3" {
		t.Errorf("%s partitions are drawn and have moved", n)
	}
	p.click("#tab-parts")
	p.contains(`document.querySelector('#view-parts').innerText`, "255,852,544", "524,288,000", "not there", "Linux swap, bootable")
	p.shot("partitions")
	p.quiet()
}

func TestSeveralImages(t *testing.T) {
	p := open(t, file(t, samples(t)["folders"]), "", 1280)
	p.contains(rowsText, "nixos.img", "partition 2")
	p.contains(`document.querySelector('#image').innerText`, "nixos.img — 45,628 bytes differ", "data.img — the same")
	p.eval(`(() => { const s = document.querySelector('#image'); s.selectedIndex = 0; s.dispatchEvent(new Event('change')); })()`)
	p.contains(`document.querySelector('#disk').innerText`, "data.img", "1 MiB")
	// Choosing a finding shows the disk that it is about.
	p.do(chromedp.Focus(chromedp.CSS("#tree")))
	p.press("n")
	p.wait(`document.querySelector('#image').selectedIndex`, "1")
	p.shot("folders")
	p.quiet()
}

func TestBytesAndDiffs(t *testing.T) {
	r := samples(t)["many"]
	p := open(t, file(t, r), "", 1280)
	p.goTo(r, "p2/ext4/superblock/s_hash_seed")
	p.wait(`[...document.querySelectorAll('.side-A .hex-bytes mark')].map((m) => m.textContent).join(' ')`, "0f 3c 9a 61 5a 4e 4c 0e 9d 55 0d 4b  3f 6e 8a 10")
	p.wait(`[...document.querySelectorAll('.side-B .hex-bytes mark')].map((m) => m.textContent).join(' ')`, "91 ab 77 e2 0c 3d 4a 55 b1 f8 6c 2f  0e 9d 7b 44")
	p.shot("bytes")

	p.goTo(r, "p2/ext4/data/content:/etc/machine-id")
	p.contains(`document.querySelector('.diff.unified').innerText`, "5d1c2a3f4b5e6d7c8b9a0f1e2d3c4b5a")
	p.wait(`[...document.querySelectorAll('.diff mark')].map((m) => m.textContent).join(' ')`, "6d7c8b9a0f1e2d3c4b5a 968778695a4b3c2d1e0f")
	p.eval(`[...document.querySelectorAll('.toggle button')][1].click()`)
	p.wait(`document.querySelectorAll('.diff.side td.a').length + ' ' + document.querySelectorAll('.diff.side td.b').length`, "1 1")
	p.eval(`[...document.querySelectorAll('.toggle button')][0].click()`)

	p.goTo(r, "p2/ext4/data/content:/var/log/build.log")
	p.contains(`document.querySelector('.diff').innerText`, `step 29 on host-b\x20`)
	p.eval(`[...document.querySelectorAll('.toggle button')][1].click()`)
	p.shot("diff")
	p.quiet()
}

func TestMatrixAndWorlds(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	p.click("#tab-matrix")
	p.contains(`document.querySelector('#view-matrix').textContent`, "s_hash_seed", "hostname", "time + timezone", "needs level vm", "unstable")
	p.wait(`[...document.querySelectorAll('.matrix tbody tr')].filter((r) => r.innerText.includes('s_hash_seed')).map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText).join('|'))`, "|·|●|·|·||·")
	p.wait(`document.querySelectorAll('.cell.race').length`, "1")
	p.shot("matrix")
	p.press(kb.Tab)
	p.eval(`[...document.querySelectorAll('.matrix .link')].find((b) => b.innerText.includes('s_hash_seed')).click()`)
	p.wait(`document.querySelector('#view-findings').hidden`, "false")
	p.contains(detailText, "s_hash_seed")
	p.do(chromedp.Focus(chromedp.CSS("#tab-findings")))
	p.press(kb.ArrowRight, kb.ArrowRight)
	p.wait(`document.activeElement.id`, "tab-worlds")
	p.contains(`document.querySelector('#view-worlds').innerText`, "2020-01-01T00:00:00Z, frozen", "builder-b", "needs level vm", `sh -c "make image"`, "1–3, 5–6, 8–9")
	p.shot("worlds")
	p.quiet()
}

func TestIdenticalImages(t *testing.T) {
	p := open(t, file(t, samples(t)["identical"]), "", 1280)
	p.contains(`document.body.innerText`, "reproducible: the two images are identical, 2 GiB", "Nothing differs.", "1 ESP", "2 root")
	p.shot("identical")
	p.quiet()
}

func TestPolicyIsShown(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	p.click("#tab-policy")
	p.contains(`document.querySelector('#view-policy').innerText`, ".reprodisk.yaml", "field DiskGUID", "logs of the build", "2026-10-31", "expired", "unused",
		"and 2 consequences", "the baseline yesterday.json has 0 causes", "2 causes differ no more", "16 bytes differ, 8 did")
	p.shot("policy")
	p.quiet()
}

func TestHostileNamesAreInert(t *testing.T) {
	r := samples(t)["hostile"]
	p := open(t, file(t, r), "#finding-3", 1280)
	for i := range r.Findings {
		p.goTo(r, r.Findings[i].ID)
		for _, tab := range []string{"matrix", "worlds", "policy", "parts", "findings"} {
			p.click("#tab-" + tab)
		}
		p.eval(`dispatchEvent(new Event('beforeprint'))`)
		if got := p.eval(`window.owned`); got != "undefined" {
			t.Fatalf("a script from the image ran: %s", got)
		}
		if got := p.eval(`document.querySelectorAll('img, script:not([type])').length`); got != "1" {
			t.Errorf("%s scripts and images, not 1", got)
		}
		// Nothing that a browser or a reader would act on is text of the page.
		if got := p.eval(`/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069]/.exec(document.body.innerText)`); got != "null" {
			t.Errorf("%q is in the page", got)
		}
		p.contains(`document.body.textContent`, `\u202e`, `\x1b[2J`, `<img src=x`)
		if i == 0 {
			p.shot("hostile")
		}
	}
	p.quiet()
}

func TestNarrowPage(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 400)
	p.shot("narrow")
	if got := p.eval(`document.documentElement.scrollWidth <= innerWidth`); got != "true" {
		t.Errorf("the page is %s wide", p.eval(`document.documentElement.scrollWidth`))
	}
	p.eval(`[...document.querySelectorAll('.row')].find((r) => r.innerText.includes('s_hash_seed')).click()`)
	p.wait(`getComputedStyle(document.querySelector('#detail')).display`, "block")
	p.contains(detailText, "mke2fs -E hash_seed=UUID")
	p.shot("narrow-detail")
	p.press(kb.Escape)
	p.wait(`getComputedStyle(document.querySelector('#detail')).display`, "none")
	p.quiet()
}

func TestColours(t *testing.T) {
	name := file(t, samples(t)["many"])
	p := open(t, name, "", 1280)
	paper := `getComputedStyle(document.documentElement).backgroundColor`
	light := p.eval(paper)
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	dark := p.eval(paper)
	if dark == light {
		t.Errorf("dark is as light: %s", dark)
	}
	p.shot("dark")
	p.click("#theme")
	p.wait(paper, light)
	p.click("#theme")
	p.wait(paper, dark)
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
	p.wait(paper, dark)
	p.quiet()
	// The page from a file remembers it.
	p = open(t, name, "", 1280)
	p.wait(paper, dark)
	p.click("#theme")
	p.wait(paper, light)
}

func TestPaper(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	pdf := value(p, chromedp.PrintToPDF())
	if !strings.HasPrefix(string(pdf), "%PDF-") {
		t.Fatal("no PDF")
	}
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	p.wait(`document.querySelectorAll('.sheet').length`, "8")
	p.contains(`document.querySelector('#print').innerText`, "s_hash_seed", "mke2fs -E hash_seed=UUID", "step 29 on host-b", "/etc/fstab", "and 2 consequences")
	if got := p.eval(`getComputedStyle(document.querySelector('.workspace')).display + ' ' + getComputedStyle(document.querySelector('#view-worlds')).display`); got != "none block" {
		t.Errorf("on paper the list and the builds are %s", got)
	}
	p.shot("paper")
	p.quiet()
}

func TestWithoutJavaScript(t *testing.T) {
	p := open(t, file(t, samples(t)["many"]), "", 1280)
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	p.do(chromedp.Reload())
	text := value(p, chromedp.Text(chromedp.CSS("body")))
	for _, want := range []string{"not reproducible: 7 causes", "s_hash_seed", "0f3c9a61-5a4e-4c0e-9d55-0d4b3f6e8a10", "mke2fs -E hash_seed=UUID", "/var/log/build.log", "5 consequences"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the plain page: %s", want, text)
		}
	}
	if strings.Contains(text, "Any cause") {
		t.Error("controls that do nothing are shown")
	}
	p.shot("plain")
}
