package envoygateway

import (
	"fmt"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// What `openwhisk-envoy --for envoy-gateway` writes for several routes and upstreams, on a Gateway whose listeners all have host
// names.
func TestWritten(t *testing.T) {
	g := prepare(t, "hello", hello, "orders", bed.Orders)
	manifest := bed.Written(t, "envoy-gateway", bed.Several, "--host", "a.example", "--host", "*.b.example")
	g.write(t, "near", secret("openwhisk-near-key", "credential", bed.Basic(bed.Guest)))
	g.write(t, "far", secret("openwhisk-far-key", "credential", bed.Basic(bed.Stranger)))
	port := g.url[strings.LastIndex(g.url, ":")+1:]
	g.start(t, bed.Replace(t, g.here(t, manifest),
		fmt.Sprintf("- { name: http, protocol: HTTP, port: %s }", port),
		fmt.Sprintf("- { name: a, protocol: HTTP, port: %[1]s, hostname: a.example }\n    - { name: b, protocol: HTTP, port: %[1]s, hostname: \"*.b.example\" }", port),
		// A path that can be asked for shows that it would be refused, too.
		`value: "[?]"`, "value: /held/.*"))
	for _, host := range []string{"a.example", "x.b.example"} {
		bed.AskSeveral(t, g.url, "host", host)
	}
	if answer := g.get("/hello", "host", "c.example"); answer.Status != 404 {
		t.Error(answer)
	}
	before := len(g.openwhisk.Calls())
	if answer := g.get("/held/x", "host", "a.example"); answer.Status != 403 || len(g.openwhisk.Calls()) != before {
		t.Error(answer)
	}
}

// An OpenWhisk at an address, whoever answers there, and bodies of more than Envoy's own limit.
func TestWrittenForAnAddress(t *testing.T) {
	g := prepare(t, "hello", hello)
	manifest := bed.Written(t, "envoy-gateway", bed.AtAnAddress)
	g.write(t, "key", key(bed.Guest))
	g.start(t, bed.Replace(t, g.standalone(t, manifest),
		`address: "192.0.2.7", port: 443`, fmt.Sprintf("address: 127.0.0.1, port: %d", g.openwhisk.Port)))
	g.waitFor(t, "/a/b", 200)
	bed.SendTooMuch(t, g.url, g.openwhisk)
}
