package envoygateway

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// It says what it got, and nothing of a large text.
const hello = `const main = ({ text, ...params }) => ({ hello: params, length: text?.length })`

// A route for clients, as the manifest has it.
func route(name string) string {
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: %[1]s, namespace: default }
spec:
  parentRefs: [{ name: demo }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /%[1]s } }]
      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: nothing }]
`, name)
}

// Puts more routes beside `hello`: in the policies and in the filter's configuration. One policy of a kind is for a route,
// so those with a BackendTrafficPolicy of their own are not in that of the manifest.
func withRoutes(t *testing.T, manifest string, names []string, own ...string) string {
	const target, entry = "    - { group: gateway.networking.k8s.io, kind: HTTPRoute, name: hello }\n", "          httproute/default/hello/rule/0/match/0/*: { action: hello }\n"
	add := func(line string, names []string) string {
		text := line
		for _, name := range names {
			text += strings.Replace(line, "hello", name, 1)
		}
		return text
	}
	all := append(append([]string(nil), names...), own...)
	policies := strings.SplitN(manifest, target, 3)
	if len(policies) != 3 {
		t.Fatalf("not two policies for the route hello")
	}
	manifest = policies[0] + add(target, all) + policies[1] + add(target, names) + policies[2]
	manifest = bed.Replace(t, manifest, entry, add(entry, all))
	for _, name := range all {
		manifest += "---\n" + route(name)
	}
	return manifest
}

// The filter with another image or configuration, on a route of the same name.
func extension(t *testing.T, g *gateway, name, image, configuration string, more ...string) string {
	return route(name) + fmt.Sprintf(`---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: { name: %[1]s, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: %[1]s }]
  wasm:
    - name: openwhisk
      code: { type: Image, image: { url: "%[2]s" } }
      config: %[3]s
      %[4]s
`, name, image, configuration, strings.Join(more, "\n"))
}

const limit = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: limit, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: limit }]
  requestBuffer: { limit: 1088Ki }
  rateLimit: { type: Local, local: { rules: [{ limit: { requests: 2, unit: Hour } }] } }
`

// A limit for all Envoys together, which a service keeps.
const global = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: global, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: global }]
  requestBuffer: { limit: 1088Ki }
  rateLimit: { type: Global, global: { rules: [{ limit: { requests: 2, unit: Hour } }] } }
`

const cors = "cors: { allowOrigins: ['https://a.example'], allowMethods: [GET, POST], allowHeaders: [content-type] }"

func TestRequests(t *testing.T) {
	guards := guards(t)
	g := prepare(t, "hello", hello)
	names := []string{"cors"}
	resources := []string{limit, global, security("cors", cors), route("bare")}
	for _, guard := range guards {
		names = append(names, guard.name)
		resources = append(resources, guard.policy)
	}
	right := `{ api_host: "https://openwhisk.example", upstream: httproute/default/openwhisk/rule/0/backend/0, namespace: guest, action: hello }`
	wrong := `{ api_host: "https://openwhisk.example" }`
	repository, _, _ := strings.Cut(g.registry, ":0.1.0")
	resources = append(resources,
		extension(t, g, "missing", repository+":missing", right),
		extension(t, g, "arm", repository+":arm64", right),
		extension(t, g, "wrong", g.registry, wrong),
		extension(t, g, "open", g.registry, wrong, "failOpen: true"),
		withRoutes(t, g.manifest(t), names, "limit", "global", "unbuffered"))
	g.start(t, resources...)

	t.Run("no key", func(t *testing.T) {
		g.waitFor(t, "/bare", 503)
		if answer := g.get("/hello"); answer.Status != 503 || len(g.openwhisk.Calls()) != 0 {
			t.Error(answer)
		}
	})
	g.write(t, "key", key(bed.Guest))
	g.waitFor(t, "/hello", 200)

	t.Run("what a client sends", func(t *testing.T) {
		large := `{"text":"` + strings.Repeat("x", 1048576-11) + `"}`
		for _, c := range []struct {
			name, method string
			body         io.Reader
			status       int
			answer       string
		}{
			{"a GET", "GET", nil, 200, `{"hello":{}}`},
			{"a POST", "POST", strings.NewReader(`{"a":1}`), 200, `{"hello":{"a":1}}`},
			{"an empty POST", "POST", nil, 200, `{"hello":{}}`},
			{"chunked", "POST", io.MultiReader(strings.NewReader(`{"a"`), strings.NewReader(`:1}`)), 200, `{"hello":{"a":1}}`},
			{"a megabyte", "POST", strings.NewReader(large), 200, `{"hello":{},"length":1048565}`},
			{"more than a megabyte", "POST", strings.NewReader(large + " "), 413, ""},
		} {
			answer := bed.Ask(c.method, g.url+"/hello", c.body, "content-type", "application/json")
			if answer.Status != c.status || c.answer != "" && answer.Body != c.answer {
				t.Errorf("%s: %v", c.name, answer)
			}
		}
	})

	t.Run("a client that waits until it may send", func(t *testing.T) {
		answer := bed.Ask("POST", g.url+"/hello", strings.NewReader(`{"a":1}`), "content-type", "application/json", "expect", "100-continue")
		if answer.Status != 200 || answer.Body != `{"hello":{"a":1}}` {
			t.Error(answer)
		}
	})

	t.Run("who may call", func(t *testing.T) {
		for _, guard := range guards {
			before := len(g.openwhisk.Calls())
			if answer := g.get("/" + guard.name); answer.Status != guard.refused {
				t.Errorf("%s lets a stranger by: %v", guard.name, answer)
			}
			if calls := g.openwhisk.Calls(); len(calls) != before {
				t.Errorf("%s calls OpenWhisk for a stranger: %v", guard.name, calls[before:])
			}
			if guard.header[0] == "" {
				continue
			}
			if answer := g.get("/"+guard.name, guard.header[0], guard.header[1]); answer.Status != 200 {
				t.Errorf("%s refuses who is known: %v", guard.name, answer)
			}
		}
	})

	t.Run("how often", func(t *testing.T) {
		before := len(g.openwhisk.Calls())
		for i, status := range []int{200, 200, 429, 429} {
			if answer := g.get("/limit"); answer.Status != status {
				t.Errorf("request %d: %v", i, answer)
			}
		}
		if answer := g.get("/global"); answer.Status != 500 {
			t.Errorf("the service of the limits is not asked: %v", answer)
		}
		if calls := g.openwhisk.Calls(); len(calls) != before+2 {
			t.Errorf("%v", calls[before:])
		}
	})

	t.Run("a preflight calls no action", func(t *testing.T) {
		before := len(g.openwhisk.Calls())
		answer := bed.Ask("OPTIONS", g.url+"/cors", nil, "origin", "https://a.example", "access-control-request-method", "POST")
		if answer.Status != 200 || answer.Header.Get("access-control-allow-origin") != "https://a.example" {
			t.Error(answer)
		}
		if len(g.openwhisk.Calls()) != before {
			t.Error("the action was called")
		}
		answer = g.get("/cors", "origin", "https://a.example")
		if answer.Status != 200 || answer.Header.Get("access-control-allow-origin") != "https://a.example" {
			t.Error(answer)
		}
	})

	t.Run("what gets by the filter reaches nothing", func(t *testing.T) {
		before := len(g.openwhisk.Calls())
		for name, status := range map[string]int{"missing": 500, "arm": 500, "wrong": 503, "open": 503, "bare": 503} {
			if answer := g.get("/" + name); answer.Status != status {
				t.Errorf("%s: %v", name, answer)
			}
		}
		// Without the buffer filter the head of a request goes on before its body is there.
		if answer := bed.Ask("POST", g.url+"/unbuffered", strings.NewReader(`{"a":1}`), "content-type", "application/json"); answer.Status != 503 {
			t.Error(answer)
		}
		// The route that holds the key is for nobody.
		for _, path := range []string{"/api/v1/namespaces/_/actions/hello", "/?", "/%3F"} {
			if answer := g.get(path); answer.Status != 404 {
				t.Errorf("%s: %v", path, answer)
			}
		}
		if calls := g.openwhisk.Calls(); len(calls) != before {
			t.Errorf("%v", calls[before:])
		}
	})

	t.Run("another key, without a restart", func(t *testing.T) {
		g.write(t, "key", key(bed.Stranger))
		g.waitFor(t, "/hello", 401)
		g.write(t, "key", key(bed.Guest))
		g.waitFor(t, "/hello", 200)
	})
}
