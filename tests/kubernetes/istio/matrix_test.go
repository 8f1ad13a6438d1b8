package istio

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pkg/test"

	"openwhisk-filter-kubernetes-test/bed"
)

// It says what it got, and nothing of a large text.
const hello = `const main = ({ text, ...params }) => ({ hello: params, length: text?.length })`

// A route of the VirtualService: to OpenWhisk, with something more.
func route(name, more string) string {
	return fmt.Sprintf(`
    - name: %[1]s
      match: [{ uri: { prefix: /%[1]s } }]
      route: [{ destination: { host: openwhisk.example, port: { number: 443 } } }]%[2]s`, name, more)
}

// The patch that switches the filter on for a route, as the manifest has it.
func enabled(name string) string {
	return fmt.Sprintf(`
    - applyTo: HTTP_ROUTE
      match: { context: GATEWAY, routeConfiguration: { vhost: { route: { name: %s } } } }
      patch:
        operation: MERGE
        value:
          typed_per_filter_config:
            openwhisk:
              "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
              is_optional: true
              config: { "@type": type.googleapis.com/google.protobuf.Empty, value: {} }`, name)
}

const cors = `
      corsPolicy: { allowOrigins: [{ exact: "https://a.example" }], allowMethods: [GET, POST], allowHeaders: [content-type] }`

// Routes beside hello: some with the filter, and two without: of somebody else, and to OpenWhisk as it is.
func withRoutes(t *testing.T, manifest string) string {
	manifest = bed.Replace(t, manifest,
		"\n    - name: hello\n", route("cors", cors)+route("limit", "")+route("denied", "")+route("api", "")+`
    - name: other
      match: [{ uri: { prefix: /other } }]
      directResponse: { status: 200, body: { string: other } }
    - name: hello
`,
		`"hello": { "action": "hello" }`, `"hello": { "action": "hello" }, "cors": { "action": "hello" },
                      "limit": { "action": "hello" }, "denied": { "action": "hello" }`,
		"\n    # A 400 of the filter", enabled("cors")+enabled("limit")+enabled("denied")+"\n    # A 400 of the filter",
	)
	return manifest
}

// It has no priority and a name behind that of the manifest, so Istio applies it last but for the priority there.
const limit = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: zz-limit, namespace: istio-system }
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
          name: envoy.filters.http.local_ratelimit
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
            stat_prefix: limit
    - applyTo: HTTP_ROUTE
      match: { context: GATEWAY, routeConfiguration: { vhost: { route: { name: limit } } } }
      patch:
        operation: MERGE
        value:
          typed_per_filter_config:
            envoy.filters.http.local_ratelimit:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: { max_tokens: 2, tokens_per_fill: 2, fill_interval: 3600s }
              filter_enabled: { default_value: { numerator: 100 } }
              filter_enforced: { default_value: { numerator: 100 } }
`

const denied = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: denied, namespace: istio-system }
spec:
  selector: { matchLabels: { istio: ingressgateway } }
  action: DENY
  rules: [{ to: [{ operation: { paths: [/denied] } }] }]
`

func TestRequests(t *testing.T) {
	b := prepare(t, "hello", hello)
	b.start(t, withRoutes(t, b.manifest(t, "istio.yaml")), limit, denied)
	b.waitFor(t, "/hello", 200)

	t.Run("what a client sends", func(t *testing.T) { sends(t, b) })

	t.Run("who may call, and how often", func(t *testing.T) {
		before := len(b.openwhisk.Calls())
		if answer := b.get("/denied"); answer.Status != 403 {
			t.Error(answer)
		}
		for i, status := range []int{200, 200, 429, 429} {
			if answer := b.get("/limit"); answer.Status != status {
				t.Errorf("request %d: %v", i, answer)
			}
		}
		if calls := b.openwhisk.Calls(); len(calls) != before+2 {
			t.Errorf("%v", calls[before:])
		}
	})

	t.Run("a preflight calls no action", func(t *testing.T) {
		before := len(b.openwhisk.Calls())
		answer := bed.Ask("OPTIONS", b.url+"/cors", nil, "origin", "https://a.example", "access-control-request-method", "POST")
		if answer.Status != 200 || answer.Header.Get("access-control-allow-origin") != "https://a.example" {
			t.Error(answer)
		}
		if len(b.openwhisk.Calls()) != before {
			t.Error("the action was called")
		}
		answer = b.get("/cors", "origin", "https://a.example")
		if answer.Status != 200 || answer.Header.Get("access-control-allow-origin") != "https://a.example" {
			t.Error(answer)
		}
	})

	t.Run("without the filter there is no key", func(t *testing.T) {
		answer := bed.Ask("POST", b.url+"/api/v1/namespaces/_/actions/hello?blocking=true", nil)
		calls := b.openwhisk.Calls()
		last := calls[len(calls)-1]
		if answer.Status != 401 || last.Path != "/api/v1/namespaces/_/actions/hello" || last.Authorization != "" {
			t.Error(answer, last)
		}
	})

	t.Run("another key, without a restart", func(t *testing.T) {
		b.writeKey(t, bed.Stranger)
		b.waitFor(t, "/hello", 401)
		b.writeKey(t, bed.Guest)
		b.waitFor(t, "/hello", 200)
	})

	t.Run("a wrong configuration leaves the old one in place", func(t *testing.T) {
		b.update(t, withRoutes(t, b.manifest(t, "istio.yaml", `"action_errors": "hide"`, `"action_errors": "nowhere"`)))
		bed.Eventually(t, "Envoy refuses it", func() bool { return strings.Contains(b.log.Read(), "nowhere") })
		for _, path := range []string{"/hello", "/other"} {
			if answer := b.get(path); answer.Status != 200 {
				t.Errorf("%s: %v", path, answer)
			}
		}
	})

	t.Run("a missing image hurts the routes of the filter only", func(t *testing.T) {
		b.update(t, withRoutes(t, b.manifest(t, "istio.yaml", b.registry, strings.Replace(b.registry, "0.1.0", "missing", 1))))
		b.waitFor(t, "/hello", 403)
		if answer := b.get("/other"); answer.Status != 200 {
			t.Error(answer)
		}
	})
}

// What clients send, and what they get.
func sends(t *testing.T, b *bench) {
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
		answer := bed.Ask(c.method, b.url+"/hello", c.body, "content-type", "application/json")
		if answer.Status != c.status || c.answer != "" && answer.Body != c.answer {
			t.Errorf("%s: %v", c.name, answer)
		}
	}
	for _, call := range b.openwhisk.Calls() {
		if call.Method != http.MethodPost || call.Path != "/api/v1/namespaces/guest/actions/hello" {
			t.Errorf("not from the filter: %v", call)
		}
	}
}

// What is wrong from the start hurts no other route.
func TestFaultsAtStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  func(b *bench) []string
		status int
	}{
		{"no image", func(b *bench) []string {
			return []string{b.registry, strings.Replace(b.registry, "0.1.0", "missing", 1)}
		}, 403},
		{"an image for arm64 only", func(b *bench) []string { return []string{b.registry, strings.Replace(b.registry, "0.1.0", "arm64", 1)} }, 403},
		{"a wrong configuration", func(*bench) []string { return []string{`"action_errors": "hide"`, `"action_errors": "nowhere"`} }, 500},
		{"no key", func(b *bench) []string {
			return []string{b.here("/etc/openwhisk/sds.yaml"), b.here("/etc/openwhisk/missing.yaml")}
		}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := prepare(t, "hello", hello)
			b.start(t, withRoutes(t, b.manifest(t, "istio.yaml", c.fault(b)...)))
			b.waitFor(t, "/other", 200)
			b.waitFor(t, "/hello", c.status)
			if answer := b.get("/other"); answer.Status != 200 {
				t.Error(answer)
			}
			if calls := b.openwhisk.Calls(); len(calls) != 0 {
				t.Error(calls)
			}
			// Other clusters are there.
			if answer := b.get("/api/v1/namespaces/_/actions/hello"); answer.Status != 401 {
				t.Error(answer)
			}
		})
	}
}

// A gateway that knows only the clusters of its routes.
func TestFilteredClusters(t *testing.T) {
	test.SetForTest(t, &features.FilterGatewayClusterConfig, true)
	b := prepare(t, "hello", hello)
	b.start(t, b.manifest(t, "istio.yaml"))
	b.waitFor(t, "/hello", 200)
}

// A client that waits until it may send: Istio asks OpenWhisk, where this route does not lead, unless istiod is told not to.
func TestAClientThatWaitsUntilItMaySend(t *testing.T) {
	test.SetForTest(t, &features.Enable100ContinueHeaders, false)
	b := prepare(t, "hello", hello)
	b.start(t, b.manifest(t, "istio.yaml"))
	b.waitFor(t, "/hello", 200)
	answer := bed.Ask("POST", b.url+"/hello", strings.NewReader(`{"a":1}`), "content-type", "application/json", "expect", "100-continue")
	if answer.Status != 200 || answer.Body != `{"hello":{"a":1}}` {
		t.Error(answer)
	}
}
