package envoygateway

import (
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

func TestUpdates(t *testing.T) {
	g := prepare(t, "hello", hello, "bye", `const main = () => ({ bye: true })`)
	right := bed.Replace(t, withRoutes(t, g.manifest(t), []string{"bye"}),
		"httproute/default/bye/rule/0/match/0/*: { action: hello }", "httproute/default/bye/rule/0/match/0/bye_example: { action: bye }",
		"name: bye, namespace: default }\nspec:\n", "name: bye, namespace: default }\nspec:\n  hostnames: [bye.example]\n")
	g.start(t, right)
	g.write(t, "key", key(bed.Guest))
	g.waitFor(t, "/hello", 200)
	is := func(path string, status int, body string) {
		t.Helper()
		host := "localhost"
		if path == "/bye" {
			host = "bye.example"
		}
		if answer := g.get(path, "host", host); answer.Status != status || answer.Body != body {
			t.Errorf("%s: %v", path, answer)
		}
	}
	is("/bye", 200, `{"bye":true}`)

	t.Run("a wrong configuration leaves the old one in place", func(t *testing.T) {
		wrong := bed.Replace(t, withRoutes(t, right, []string{"late"}), "action_errors: hide", "action_errors: nowhere")
		g.write(t, "manifest", wrong)
		before := strings.Count(g.log.Read(), "rejected")
		bed.Eventually(t, "Envoy rejects the configuration", func() bool { return strings.Count(g.log.Read(), "rejected") > before })
		is("/hello", 200, `{"hello":{}}`)
		// The new route is there, and the filter is not on it.
		is("/late", 503, "no healthy upstream")
	})

	t.Run("a rule in front shifts a name, and runs no other action", func(t *testing.T) {
		g.write(t, "manifest", bed.Replace(t, right, "value: /hello }\n", "value: /new }\n      backendRefs:\n        - { group: gateway.envoyproxy.io, kind: Backend, name: nothing }\n    - matches:\n        - path: { type: PathPrefix, value: /hello }\n"))
		g.waitFor(t, "/hello", 503)
		is("/hello", 503, "no healthy upstream")
		is("/new", 200, `{"hello":{}}`)
		is("/bye", 200, `{"bye":true}`)
	})

	for _, call := range g.openwhisk.Calls() {
		if call.Method != "POST" || !strings.HasPrefix(call.Path, "/api/v1/namespaces/guest/actions/") {
			t.Errorf("not from the filter: %v", call)
		}
	}
}
