package istio

import (
	"fmt"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// A manifest without some of its resources.
func without(manifest string, left ...string) string {
	var kept []string
	for _, resource := range strings.Split(manifest, "\n---\n") {
		keep := true
		for _, text := range left {
			keep = keep && !strings.Contains(resource, text)
		}
		if keep {
			kept = append(kept, resource)
		}
	}
	return strings.Join(kept, "\n---\n")
}

// A WasmPlugin as a TrafficExtension: what stands beside `selector` goes under `wasm`.
func trafficExtension(t *testing.T, plugin string) string {
	head, rest, found := strings.Cut(plugin, "  # Change: the image")
	body, filters, also := strings.Cut("  # Change: the image"+rest, "\n---\n")
	if !found || !also {
		t.Fatal(plugin)
	}
	return bed.Replace(t, head, "kind: WasmPlugin", "kind: TrafficExtension") +
		"  wasm:\n  " + strings.ReplaceAll(body, "\n", "\n  ") +
		"\n---\n" + bed.Replace(t, filters, "~istio-translated-wasmplugin", "")
}

func TestWasmPlugin(t *testing.T) {
	for _, kind := range []string{"WasmPlugin", "TrafficExtension"} {
		t.Run(kind, func(t *testing.T) {
			b := prepare(t, "hello", hello)
			plugin := bed.Manifest(t, "istio-wasm-plugin.yaml", bed.Image, b.registry)
			if kind == "TrafficExtension" {
				plugin = trafficExtension(t, plugin)
			}
			b.start(t, without(b.manifest(t, "istio.yaml"), "name: openwhisk\n  namespace: istio-system\nspec:\n  # After all other"), plugin)
			b.waitFor(t, "/hello", 200)
			sends(t, b)
		})
	}
}

func TestGatewayAPI(t *testing.T) {
	b := prepare(t, "hello", hello)
	manifest := bed.Replace(t, without(b.manifest(t, "istio.yaml"), "\nkind: Gateway\n", "\nkind: VirtualService\n"),
		"workloadSelector:\n    labels: { istio: ingressgateway }", "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]",
		`"hello": {`, `"istio-system.hello.0": {`,
		"route: { name: hello }", "route: { name: istio-system.hello.0 }")
	b.kubernetes = bed.Manifest(t, "istio-gateway-api.yaml", "port: 80 }", fmt.Sprintf("port: %d }", b.port)) +
		"\n---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: { name: istio }\nspec: { controllerName: istio.io/gateway-controller }\n"
	// In a cluster it is a Service, which Istio makes.
	service := fmt.Sprintf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: gateway, namespace: istio-system }
spec:
  hosts: [demo-istio.istio-system.svc.cluster.local]
  resolution: STATIC
  ports: [{ number: %d, name: http, protocol: HTTP }]
  endpoints: [{ address: 127.0.0.1 }]
`, b.port)
	b.start(t, manifest, service)
	b.waitFor(t, "/hello", 200)
	sends(t, b)
}
