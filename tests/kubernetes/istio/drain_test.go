package istio

import (
	"strings"
	"syscall"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

const slow = `const main = ({ wait = 0 }) => new Promise(done => setTimeout(() => done({ waited: wait }), wait))`

// The pod is told to end while a call is open, with the time that envoy/istio-gateway-patch.yaml gives it.
func TestACallOutlivesARollout(t *testing.T) {
	_, annotation, _ := strings.Cut(bed.Manifest(t, "istio-gateway-patch.yaml"), "terminationDrainDuration: ")
	duration, _, _ := strings.Cut(annotation, "\n")
	b := prepare(t, "hello", slow)
	b.drain = duration
	b.start(t, b.manifest(t, "istio.yaml"))
	b.waitFor(t, "/hello", 200)
	answered := make(chan bed.Answer, 1)
	go func() {
		answered <- bed.Ask("POST", b.url+"/hello", strings.NewReader(`{"wait":30000}`), "content-type", "application/json")
	}()
	bed.Eventually(t, "the call is open", func() bool { return b.openwhisk.Open() == 1 })
	bed.Must(t, b.agent.Process.Signal(syscall.SIGTERM))
	if answer := <-answered; answer.Status != 200 || answer.Body != `{"waited":30000}` {
		t.Error(answer)
	}
}
