// Package html renders a report as one web page that needs nothing else: no
// network, no font, no script from elsewhere.
//
// The page is HTML (the WHATWG's living standard). What a person reads first
// (the verdict, the two inputs, what the policy allowed, the warnings) is in
// its markup, and so is a plain summary for browsers without JavaScript. The
// findings are embedded as JSON in two parts: an index of columns, from which
// the list is drawn as far as it is in sight, and the details, in pieces that
// are parsed when somebody opens a finding of theirs. So a page of 100,000
// findings opens as fast as one of ten.
//
// Data runs one way: report → index, details, disks, worlds → page. Nothing in
// a report is trusted. Every string passes report.Visible; the markup is
// escaped by html/template, the JSON by encoding/json, which leaves no "<" in
// it (HTML 13.2.5.4: only "</script" or "<!--" would end the block); the
// scripts put text into the page, never markup. A Content Security Policy
// (level 3) allows exactly the page's own script and style, by their digests.
//
// The same report gives the same bytes.
package html
