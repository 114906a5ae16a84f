module parts/crds

go 1.26.8

require (
	github.com/cert-manager/cert-manager v1.21.2
	github.com/kubernetes-csi/external-snapshotter/client/v8 v8.7.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
