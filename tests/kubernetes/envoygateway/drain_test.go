package envoygateway

import (
	"regexp"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

const slow = `const main = ({ wait = 0 }) => new Promise(done => setTimeout(() => done({ waited: wait }), wait))`

// In a pod the shutdown manager drains Envoy so, and waits as long as `drainTimeout` says until no connection is open. It has
// no part in the standalone mode.
//
// Source: envoyproxy/gateway `internal/cmd/envoy/shutdown_manager.go`
func TestACallOutlivesADrain(t *testing.T) {
	g := prepare(t, "hello", slow)
	g.start(t, g.manifest(t))
	g.write(t, "key", key(bed.Guest))
	g.waitFor(t, "/hello", 200)
	answered := make(chan bed.Answer, 1)
	go func() {
		answered <- bed.Ask("POST", g.url+"/hello", strings.NewReader(`{"wait":30000}`), "content-type", "application/json")
	}()
	bed.Eventually(t, "the call is open", func() bool { return g.openwhisk.Open() == 1 })

	admin := func(method, path string) string { return g.admin(t, method, path) }
	admin("POST", "/drain_listeners?graceful&skip_exit")
	admin("POST", "/healthcheck/fail")
	open := regexp.MustCompile(`(?m)^listener\.[^a].*\.downstream_cx_active: [1-9]`)
	bed.Eventually(t, "no connection is open", func() bool {
		return !open.MatchString(admin("GET", "/stats?filter=downstream_cx_active"))
	})
	if answer := <-answered; answer.Status != 200 || answer.Body != `{"waited":30000}` {
		t.Error(answer)
	}
}
