// The first process of the machines that the boot tests start: it says that it
// runs, how the machine was booted and with what command line, and turns the
// machine off.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
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
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	select {} // were init to end, the kernel would panic
}
