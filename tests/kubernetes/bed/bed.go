// Package bed is what stands around a control plane in these tests: an OpenWhisk behind TLS, a registry of images,
// processes, and a client.
package bed

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Image is the name of the filter's image in the manifests.
const Image = "registry.example/openwhisk-filter:0.1.0"

// What takes longer than this hangs.
const patience = 3 * time.Minute

// Nobody reads what the servers of a test complain about.
var silent = log.New(io.Discard, "", 0)

// Must ends the test if there is an error.
func Must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Root is the top of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..")
}

// Program is the path of a program: what the variable says, or a file of the repository.
func Program(t *testing.T, variable, file string) string {
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(Root(), file)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: `make kubernetes` builds it, or %s names another one", err, variable)
	}
	return path
}

// Manifest reads a file of `envoy/`, with each pair of texts replaced: old, new, old, new. Each old text must be there.
func Manifest(t *testing.T, name string, replaced ...string) string {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join(Root(), "envoy", name))
	Must(t, err)
	return Replace(t, string(manifest), replaced...)
}

// Example is the block of code on the page of Kubernetes that begins with this line.
func Example(t *testing.T, first string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(Root(), "docs/kubernetes.md"))
	Must(t, err)
	_, rest, found := strings.Cut(string(page), "\n"+first)
	block, _, ended := strings.Cut(rest, "\n```")
	if !found || !ended {
		t.Fatalf("no block begins with %q", first)
	}
	return first + block
}

// Replace replaces texts, which must be there: old, new, old, new.
func Replace(t *testing.T, text string, replaced ...string) string {
	t.Helper()
	for i := 0; i < len(replaced); i += 2 {
		if !strings.Contains(text, replaced[i]) {
			t.Fatalf("%q is not in\n%s", replaced[i], text)
		}
		text = strings.ReplaceAll(text, replaced[i], replaced[i+1])
	}
	return text
}

// Port is a free one.
func Port(t *testing.T) int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Alone waits until no other test on this machine runs a control plane of this kind, which has fixed ports, and keeps
// others waiting until the test ends.
func Alone(t *testing.T, kind string) {
	file, err := os.Create(filepath.Join(os.TempDir(), "openwhisk-filter-test-"+kind+".lock"))
	Must(t, err)
	t.Cleanup(func() { file.Close() })
	Must(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
}

// Log is a file to which a process writes.
type Log string

// Read is what was written so far.
func (l Log) Read() string {
	text, _ := os.ReadFile(string(l))
	return string(text)
}

// Start runs a program until the test ends, and prints its log if the test fails.
func Start(t *testing.T, command *exec.Cmd) Log {
	name := filepath.Base(command.Path)
	file, err := os.CreateTemp(t.TempDir(), name)
	Must(t, err)
	log := Log(file.Name())
	command.Stdout, command.Stderr = file, file
	// What it starts itself ends with it.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	Must(t, command.Start())
	t.Cleanup(func() {
		syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		command.Wait()
		file.Close()
		if t.Failed() {
			// But for the access log.
			lines := slices.DeleteFunc(strings.Split(log.Read(), "\n"), func(line string) bool { return strings.HasPrefix(line, "{") })
			t.Logf("the last lines of %s:\n%s", name, strings.Join(lines[max(0, len(lines)-100):], "\n"))
		}
	})
	return log
}

// Eventually waits until something is true.
func Eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for start := time.Now(); !condition(); time.Sleep(100 * time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatalf("never: %s", what)
		}
	}
}

// Answer is what a client got.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends a request on a connection of its own. The headers are pairs of name and value. The status is 0 where nobody
// answers.
func Ask(method, url string, body io.Reader, headers ...string) Answer {
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		panic(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{
		Timeout: patience,
		// A client that sends `expect` is strict, and sends no body before it is asked to.
		Transport:     &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: patience},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{Body: err.Error()}
	}
	defer response.Body.Close()
	var text bytes.Buffer
	io.Copy(&text, response.Body)
	return Answer{response.StatusCode, response.Header, text.String()}
}
