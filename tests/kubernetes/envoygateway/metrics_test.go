package envoygateway

import (
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

func TestMetricsHaveLabels(t *testing.T) {
	labels := strings.ReplaceAll(bed.Example(t, "bootstrap:"), "\n", "\n  ")
	g := prepare(t, "hello", hello)
	g.write(t, "key", key(bed.Guest))
	g.start(t, bed.Replace(t, g.manifest(t), "  shutdown:", "  "+labels+"\n  shutdown:"))
	g.waitFor(t, "/hello", 200)
	bed.Eventually(t, "the metric has its labels", func() bool {
		return strings.Contains(g.admin(t, "GET", "/stats/prometheus"), `openwhisk_requests_total{action="guest/hello",status="2xx"`)
	})
}
