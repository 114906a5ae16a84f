# A Kubernetes control plane as processes, shared by `cluster` and `control-plane`. Sourced after lib.sh, never run.
# shellcheck shell=bash disable=SC2034,SC2153
# The caller sets DIR (folder for all state), API_HOST (address that clients use) and API_PORT, ETCD_PORT, PEER_PORT,
# KWOK_PORT, SERVICE_CIDR, KWOK_CIDR, COMPONENT_PORTS (flags for the controller manager's and scheduler's own ports).

# use_parts PART…: builds what is missing and puts the programs on PATH.
use_parts() {
  local out dir; out=$("$DEV/build-parts" "$@") || exit 1
  local path=; while read -r dir; do path+=$dir:; done <<<"$out"
  export PATH=$path$PATH
}

pki() { # API_NAMES: a CA and a certificate for each component; EC keys, made in milliseconds, again when API_HOST changed
  mkdir -p "$DIR/pki"
  if [ "$(cat "$DIR/pki/for" 2>/dev/null)" != "$1" ]; then
    rm -rf "$DIR/pki"; mkdir -m 700 "$DIR/pki"
    (cd "$DIR/pki" && umask 077 && make_pki "$1") 2> "$DIR/log/openssl.log" || { tail -n 5 "$DIR/log/openssl.log" >&2; die "openssl could not make the cluster's certificates"; }
    echo "$1" > "$DIR/pki/for"
  fi
  local user; for user in admin controller-manager scheduler kwok kubelet proxy; do kubeconfig "$user"; done
}
make_pki() {
  local ec=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  openssl req -x509 "${ec[@]}" -keyout ca.key -subj /CN=odoo-operator-test-ca -days 3650 \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt
  cert() {
    openssl req "${ec[@]}" -keyout "$1.key" -subj "$2" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -out "$1.crt" \
      -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth' "$3")
  }
  cert apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost,IP:127.0.0.1,$1"
  cert admin /O=system:masters/CN=admin DNS:admin
  cert kubelet /O=system:nodes/CN=system:node:box "DNS:box,$1"
  cert controller-manager /CN=system:kube-controller-manager DNS:controller-manager
  cert scheduler /CN=system:kube-scheduler DNS:scheduler
  cert proxy /CN=system:kube-proxy DNS:proxy
  cert kwok /O=system:masters/CN=kwok "DNS:simulated,IP:127.0.0.1,$1"
  openssl ecparam -name prime256v1 -genkey -noout -out sa.key
  openssl ec -in sa.key -pubout -out sa.pub
}
kubeconfig() {
  local p=$DIR/pki
  (umask 077; cat > "$DIR/.$1.new" <<C
apiVersion: v1
kind: Config
current-context: dev
clusters: [{name: dev, cluster: {server: "https://$API_HOST:$API_PORT", certificate-authority-data: $(base64 -w0 "$p/ca.crt")}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$p/$1.crt"), client-key-data: $(base64 -w0 "$p/$1.key")}}]
contexts: [{name: dev, context: {cluster: dev, user: $1}}]
C
  )
  mv "$DIR/.$1.new" "$DIR/$1.kubeconfig"
}

# start NAME COMMAND…: a component; it ends with the process that started it, however that one ends.
declare -A COMPONENT=()
start() {
  local name=$1; shift
  setpriv --pdeathsig KILL "$@" > "$DIR/log/$name.log" 2>&1 < /dev/null &
  COMPONENT[$!]=$name
}
check_components() { # false and the last lines of its log when one has ended
  local pid
  for pid in "${!COMPONENT[@]}"; do
    kill -0 "$pid" 2>/dev/null && continue
    tail -n 12 "$DIR/log/${COMPONENT[$pid]}.log" >&2
    say "${COMPONENT[$pid]} has ended; the last lines of its log are above (all of it: $DIR/log/${COMPONENT[$pid]}.log)"; return 1
  done
}
wait_component() { # sleeps until one of them has ended
  while wait -n "${!COMPONENT[@]}" 2>/dev/null || true; do check_components || return 1; done
}

start_control_plane() { # etcd, API server, controller manager, scheduler, KWOK; returns when they answer
  local p=$DIR/pki listen=$API_HOST; [ "$API_HOST" = 127.0.0.1 ] || listen=0.0.0.0
  rm -rf "$DIR/audit"; mkdir -p "$DIR"/{log,etcd,audit,volumes}
  # The provisioner's folder is written into the controller manager: this mount namespace has our own in its place.
  # The file keeps anybody from removing the folder: that would take the mount away in every namespace.
  mkdir -p /tmp/hostpath_pv; echo 'Test clusters mount their volumes here, each in its own namespace.' 2>/dev/null > /tmp/hostpath_pv/README || true
  mount --bind "$DIR/volumes" /tmp/hostpath_pv 2>/dev/null || true
  local client=http://127.0.0.1:$ETCD_PORT peer=http://127.0.0.1:$PEER_PORT
  start etcd etcd --data-dir "$DIR/etcd" --unsafe-no-fsync --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" --log-level warn
  # shellcheck disable=SC2086 # flags
  start apiserver kube-apiserver --etcd-servers="$client" --bind-address="$listen" --secure-port="$API_PORT" --advertise-address="$API_ADVERTISE" \
    --service-cluster-ip-range="$SERVICE_CIDR" --tls-cert-file="$p/apiserver.crt" --tls-private-key-file="$p/apiserver.key" --client-ca-file="$p/ca.crt" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$p/sa.pub" --service-account-signing-key-file="$p/sa.key" \
    --authorization-mode=Node,RBAC --kubelet-client-certificate="$p/admin.crt" --kubelet-client-key="$p/admin.key" \
    --allow-privileged=true --kubelet-preferred-address-types=InternalIP --endpoint-reconciler-type="$ENDPOINTS" \
    --audit-policy-file="$DEV/kube/audit-policy.yaml" --audit-log-path="$DIR/audit/audit.log" --audit-log-maxsize=100000 ${API_SERVER_FLAGS:-}
  until curl -s -m 2 --cacert "$p/ca.crt" --cert "$p/admin.crt" --key "$p/admin.key" "https://127.0.0.1:$API_PORT/readyz" 2>/dev/null | grep -qx ok; do
    check_components || return 1
    pause 0.1
  done
  # shellcheck disable=SC2086 # flags
  start controller-manager kube-controller-manager --kubeconfig="$DIR/controller-manager.kubeconfig" --service-account-private-key-file="$p/sa.key" \
    --root-ca-file="$p/ca.crt" --use-service-account-credentials --leader-elect=false --allocate-node-cidrs=false \
    --cluster-signing-cert-file="$p/ca.crt" --cluster-signing-key-file="$p/ca.key" --enable-hostpath-provisioner \
    --kube-api-qps=500 --kube-api-burst=1000 --concurrent-deployment-syncs=20 --concurrent-replicaset-syncs=20 --concurrent-job-syncs=20 $COMPONENT_PORTS
  # shellcheck disable=SC2086
  start scheduler kube-scheduler --kubeconfig="$DIR/scheduler.kubeconfig" --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000 $COMPONENT_PORTS
  # shellcheck disable=SC2016 # jq's and sed's own dollars
  sed -e "s|@DEV@|$DEV|" -e 's|@OUTCOME@|.metadata.annotations["test.bemade.org/outcome"] // (.spec.containers[0].image \| capture("outcome-(?<o>[a-z]+)$") \| .o) // (select(.metadata.labels["app.kubernetes.io/component"] == "init") \| "hang")|' \
    "$DEV/kube/kwok.yaml" > "$DIR/kwok.yaml"
  start kwok kwok --kubeconfig="$DIR/kwok.kubeconfig" --config="$DIR/kwok.yaml" --manage-all-nodes=false \
    --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --node-lease-duration-seconds=40 --cidr="$KWOK_CIDR" \
    --node-ip="$API_HOST" --node-port="$KWOK_PORT" --server-address="$API_HOST:$KWOK_PORT" --tls-cert-file="$p/kwok.crt" --tls-private-key-file="$p/kwok.key"
}

k() { kubectl --kubeconfig "$DIR/admin.kubeconfig" "$@"; }
furnish() { # TAINTS: the storage class and the simulated node
  sed "s|taints: \[\]|taints: $1|" "$DEV/kube/simulated-node.yaml" | cat - <(echo ---) "$DEV/kube/storage-class.yaml" | k apply -f - > "$DIR/log/furnish.log" 2>&1
}
