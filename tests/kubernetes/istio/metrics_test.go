package istio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

func TestMetricsHaveLabels(t *testing.T) {
	b := prepare(t, "hello", hello)
	file := filepath.Join(b.folder, "bootstrap.json")
	bed.Must(t, os.WriteFile(file, []byte(bed.Example(t, `{"stats_config":`)), 0o644))
	t.Setenv("ISTIO_BOOTSTRAP_OVERRIDE", file)
	b.start(t, b.manifest(t, "istio.yaml"))
	b.waitFor(t, "/hello", 200)
	bed.Eventually(t, "the metric has its labels", func() bool {
		answer := bed.Ask("GET", "http://127.0.0.1:15000/stats/prometheus", nil)
		return strings.Contains(answer.Body, `openwhisk_requests_total{action="guest/hello",status="2xx"`)
	})
}
