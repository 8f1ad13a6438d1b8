package istio

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// mount writes the files of the upstream with this name, as the Deployment mounts them: the key, and the ConfigMap.
func (b *bench) mount(t *testing.T, manifest, name, key string) {
	_, sds, found := strings.Cut(manifest, "kind: ConfigMap\nmetadata:\n  name: openwhisk-"+name+"-key\n")
	if !found {
		t.Fatal(manifest)
	}
	_, sds, _ = strings.Cut(sds, "sds.yaml: |\n")
	sds, _, _ = strings.Cut(sds, "\n---")
	folder := filepath.Join(b.folder, "openwhisk", name)
	bed.Must(t, os.MkdirAll(folder, 0o755))
	bed.Must(t, os.WriteFile(filepath.Join(folder, "authorization"), []byte(bed.Basic(key)), 0o600))
	bed.Must(t, os.WriteFile(filepath.Join(folder, "sds.yaml"), []byte(sds), 0o644))
}

// What `openwhisk-envoy --for istio` writes for several routes and upstreams.
func TestWritten(t *testing.T) {
	b := prepare(t, "hello", hello, "orders", bed.Orders)
	manifest := b.local(t, bed.Written(t, "istio", bed.Several, "--host", "a.example", "--host", "*.b.example"))
	b.mount(t, manifest, "near", bed.Guest)
	b.mount(t, manifest, "far", bed.Stranger)
	b.start(t, manifest)
	for _, host := range []string{"a.example", "x.b.example"} {
		bed.AskSeveral(t, b.url, "host", host)
	}
	if answer := b.get("/hello", "host", "c.example"); answer.Status != 404 {
		t.Error(answer)
	}
}

// An OpenWhisk at an address, whoever answers there, and bodies of more than Envoy's own limit.
func TestWrittenForAnAddress(t *testing.T) {
	b := prepare(t, "hello", hello)
	b.start(t, bed.Replace(t, b.here(bed.Written(t, "istio", bed.AtAnAddress)),
		`endpoints: [{ address: "192.0.2.7" }]`, fmt.Sprintf("endpoints: [{ address: 127.0.0.1, ports: { https: %d } }]", b.openwhisk.Port),
		bed.Image, b.registry,
		"number: 80,", fmt.Sprintf("number: %d,", b.port),
	))
	b.waitFor(t, "/a/b", 200)
	bed.SendTooMuch(t, b.url, b.openwhisk)
}

// An OpenWhisk in the same cluster, which Istio knows already.
func TestWrittenForAService(t *testing.T) {
	b := prepare(t, "hello", hello)
	configuration := strings.Replace(bed.AtAnAddress, "192.0.2.7", "ow.functions.svc.cluster.local", 1)
	b.kubernetes = fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: { name: ow, namespace: functions }
spec:
  clusterIP: 10.0.0.7
  ports: [{ name: https, port: 443 }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ow, namespace: functions, labels: { kubernetes.io/service-name: ow } }
addressType: IPv4
ports: [{ name: https, port: %d }]
endpoints: [{ addresses: [127.0.0.1] }]
`, b.openwhisk.Port)
	b.start(t, bed.Replace(t, b.here(bed.Written(t, "istio", configuration)),
		bed.Image, b.registry,
		"number: 80,", fmt.Sprintf("number: %d,", b.port),
	))
	b.waitFor(t, "/", 200)
}
