package sandbox

import (
	"path"
	"sort"
	"strings"
)

// environment is what the command gets: the request's, then what the sandbox
// provides, then what the world says. Of equal names the last counts, and the
// whole is sorted, so that two builds do not differ by an order.
func environment(r *Request, build string) []string {
	w := &r.World
	vars := map[string]string{}
	set := func(name, value string) { vars[name] = value }
	for _, v := range r.Env {
		if name, value, ok := strings.Cut(v, "="); ok && name != "" {
			set(name, value)
		}
	}
	set("out", path.Join(build, "out"))
	for _, name := range []string{"TMPDIR", "TEMPDIR", "TMP", "TEMP"} {
		set(name, path.Join(build, "tmp"))
	}
	set("PWD", build)
	if r.Dir != "" {
		set("PWD", r.Dir)
	}
	delete(vars, "OLDPWD")
	set("HOME", path.Join(build, "home"))
	if w.Home != "" && r.Level == Isolated {
		set("HOME", w.Home)
	}
	if w.Timezone != "" {
		set("TZ", w.Timezone)
	}
	for name, value := range map[string]string{"LANG": w.Locale.Lang, "LANGUAGE": w.Locale.Language, "LC_ALL": w.Locale.LCAll} {
		if value != "" {
			set(name, value)
		}
	}
	if w.User.Set && w.User.Name != "" && r.Level == Isolated {
		set("USER", w.User.Name)
		set("LOGNAME", w.User.Name)
	}
	if len(w.ExecPath) > 0 {
		set("PATH", strings.TrimPrefix(vars["PATH"]+":"+strings.Join(w.ExecPath, ":"), ":"))
	}
	for _, v := range w.Environment {
		name, value, _ := strings.Cut(v, "=")
		set(name, value)
	}
	env := make([]string, 0, len(vars))
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	sort.Strings(env)
	return env
}
