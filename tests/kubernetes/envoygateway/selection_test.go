package envoygateway

import (
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// A filter in front that sends a request elsewhere. A route has one policy of a kind, so it stands beside the filter.
const rewrite = `  lua:
    - type: Inline
      inline: |
        function envoy_on_request(handle)
          local path = handle:headers():get("x-path")
          if path then
            handle:headers():replace(":path", path)
            handle:clearRouteCache()
          end
        end
  wasm:
`

// The route that Envoy selects last is the one whose action runs: the filter rbac, which is there because of the route that
// holds the key, selects it anew.
func TestARequestThatIsSentElsewhere(t *testing.T) {
	g := prepare(t, "hello", hello, "bye", `const main = () => ({ bye: true })`)
	g.start(t, bed.Replace(t, withRoutes(t, g.manifest(t), []string{"bye"}),
		"httproute/default/bye/rule/0/match/0/*: { action: hello }", "httproute/default/bye/rule/0/match/0/*: { action: bye }",
		"  wasm:\n", rewrite,
		// Envoy Gateway checks such scripts, and does not know clearRouteCache.
		"  shutdown:", "  luaValidation: Disabled\n  shutdown:"), route("bare"))
	g.write(t, "key", key(bed.Guest))
	g.waitFor(t, "/hello", 200)
	for _, c := range []struct {
		path, to string
		status   int
		body     string
	}{
		{"/hello", "/bye", 200, `{"bye":true}`},
		{"/bye", "/hello", 200, `{"hello":{}}`},
		{"/hello", "/bare", 503, "no healthy upstream"},
		{"/hello", "/nowhere", 404, ""},
	} {
		answer := g.get(c.path, "x-path", c.to)
		if answer.Status != c.status || answer.Body != c.body {
			t.Errorf("%s to %s: %v", c.path, c.to, answer)
		}
	}
}
