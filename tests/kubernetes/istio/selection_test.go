package istio

import (
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// A filter in front that sends a request elsewhere.
const rewrite = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: rewrite, namespace: istio-system }
spec:
  workloadSelector: { labels: { istio: ingressgateway } }
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: GATEWAY
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager, subFilter: { name: envoy.filters.http.router } } } }
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.lua
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
            default_source_code:
              inline_string: |
                function envoy_on_request(handle)
                  local path = handle:headers():get("x-path")
                  if path then
                    handle:headers():replace(":path", path)
                    handle:clearRouteCache()
                  end
                end
`

// The route that Envoy selects last is the one whose action runs.
func TestARequestThatIsSentElsewhere(t *testing.T) {
	b := prepare(t, "hello", hello, "bye", `const main = () => ({ bye: true })`)
	b.start(t, bed.Replace(t, b.manifest(t, "istio.yaml"),
		"\n    - name: hello\n", route("bye", "")+route("api", "")+"\n    - name: hello\n",
		`"hello": { "action": "hello" }`, `"hello": { "action": "hello" }, "bye": { "action": "bye" }`,
		"\n    # A 400 of the filter", enabled("bye")+"\n    # A 400 of the filter",
	), rewrite)
	b.waitFor(t, "/hello", 200)
	for _, c := range []struct {
		path, to string
		status   int
		body     string
	}{
		{"/hello", "/bye", 200, `{"bye":true}`},
		{"/bye", "/hello", 200, `{"hello":{}}`},
		// It gets by the filter, to an OpenWhisk that does not know the path, and with no key.
		{"/api", "/bye", 405, ""},
		{"/hello", "/api", 405, ""},
		{"/hello", "/nowhere", 404, ""},
	} {
		before := len(b.openwhisk.Calls())
		answer := b.get(c.path, "x-path", c.to)
		if answer.Status != c.status || c.body != "" && answer.Body != c.body {
			t.Errorf("%s to %s: %v", c.path, c.to, answer)
		}
		for _, call := range b.openwhisk.Calls()[before:] {
			if c.status != 200 && call.Authorization != "" {
				t.Errorf("%s to %s: %v", c.path, c.to, call)
			}
		}
	}
}
