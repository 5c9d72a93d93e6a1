// The first process of the machines that the boot tests start: it says that it
// runs, how the machine was booted and with what command line, and turns the
// machine off. Where the command line names a root and an init, it goes on to
// that, as an initrd does.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

func main() {
	for _, fs := range []string{"proc", "sysfs"} {
		_ = os.MkdirAll("/"+fs, 0o755)
		if err := syscall.Mount(fs, "/"+fs, fs, 0, ""); err != nil {
			fmt.Println("REPRODISK: mount", fs, err)
		}
	}
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		fmt.Println("REPRODISK:", err)
	}
	firmware := "BIOS"
	if _, err := os.Stat("/sysfs/firmware/efi"); err == nil {
		firmware = "EFI"
	}
	fmt.Printf("\nREPRODISK: init runs, booted by %s with %s\n", firmware, strings.TrimSpace(string(line)))
	if err := goOn(string(line)); err != nil {
		fmt.Println("REPRODISK:", err)
	}
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	select {} // were init to end, the kernel would panic
}

// goOn mounts the root filesystem of the command line and becomes its init.
func goOn(line string) error {
	options := map[string]string{}
	for _, o := range strings.Fields(line) {
		if name, value, ok := strings.Cut(o, "="); ok {
			options[name] = value
		}
	}
	root, init := options["root"], options["init"]
	if root == "" || init == "" {
		return nil
	}
	for _, dir := range []string{"/dev", "/sysroot"} {
		_ = os.MkdirAll(dir, 0o755)
	}
	if err := syscall.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /dev: %w", err)
	}
	// The kernel may still be looking for its disks.
	for i := 0; ; i++ {
		err := syscall.Mount(root, "/sysroot", "ext4", syscall.MS_RDONLY, "")
		if err == nil {
			break
		}
		if i == 300 {
			return fmt.Errorf("mount %s: %w", root, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := syscall.Chroot("/sysroot"); err != nil {
		return err
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", init, syscall.Exec(init, []string{init}, []string{"PATH=/"}))
}
