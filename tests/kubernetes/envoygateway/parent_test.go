package envoygateway

import (
	"strings"
	"testing"

	"openwhisk-filter-kubernetes-test/bed"
)

// Policies for the whole Gateway, which those of the manifest must not replace.
const whole = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: whole, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]
  rateLimit: { type: Local, local: { rules: [{ limit: { requests: 3, unit: Hour } }] } }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: { name: whole, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: demo }]
  authorization: { defaultAction: Deny, rules: [{ action: Allow, principal: { headers: [{ name: x-let, values: [in] }] } }] }
`

func TestPoliciesOfTheWholeGateway(t *testing.T) {
	g := prepare(t, "hello", hello)
	g.write(t, "key", key(bed.Guest))
	g.start(t, g.manifest(t), whole)
	g.waitFor(t, "/hello", 403)
	if calls := g.openwhisk.Calls(); len(calls) != 0 {
		t.Error(calls)
	}
	for _, status := range []int{200, 200, 200, 429, 429} {
		answer := bed.Ask("POST", g.url+"/hello", strings.NewReader(`{"a":1}`), "content-type", "application/json", "x-let", "in")
		if answer.Status != status {
			t.Errorf("not %d: %v", status, answer)
		}
	}
	if calls := g.openwhisk.Calls(); len(calls) != 3 {
		t.Error(calls)
	}
}
