#!/bin/sh
# Makes a CA and a server certificate for trying Keyward out: EC P-256, 30 days. Keys are made, never committed.
#   certs/make_dev_certs.sh [directory] [name...]
# Example: certs/make_dev_certs.sh .certs localhost 127.0.0.1 redis.example.test
set -eu

dir=${1:-.certs}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- localhost 127.0.0.1 ::1
first=$1

names=
for name in "$@"; do
  case $name in
    *:* | [0-9]*.[0-9]*.[0-9]*.[0-9]*) kind=IP ;;
    *) kind=DNS ;;
  esac
  names="$names${names:+,}$kind:$name"
done

umask 077
mkdir -p "$dir"
ca_key=$(mktemp)
request=$(mktemp)
extensions=$(mktemp)
trap 'rm -f "$ca_key" "$request" "$extensions"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 30 \
  -subj "/CN=Keyward development CA" -keyout "$ca_key" -out "$dir/ca.pem" \
  -addext "basicConstraints=critical,CA:TRUE,pathlen:0" -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 \
  -subj "/CN=$first" -keyout "$dir/server.key" -out "$request" 2>/dev/null
cat >"$extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectAltName=$names
END
openssl x509 -req -in "$request" -CA "$dir/ca.pem" -CAkey "$ca_key" -sha256 -days 30 \
  -set_serial "0x$(openssl rand -hex 15)" -extfile "$extensions" -out "$dir/server.pem" 2>/dev/null
chmod 644 "$dir/ca.pem" "$dir/server.pem"
echo "$dir/ca.pem $dir/server.pem $dir/server.key"
