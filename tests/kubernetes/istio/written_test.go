package istio

import (
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
