# SPDX-License-Identifier: Apache-2.0
# packages.sh - the Debian packages that listd needs; read by the scripts beside it.

# To build.
build_packages="gcc make autoconf automake libtool pkg-config
libevent-dev libssl-dev libopendkim-dev liblmdb-dev libmicrohttpd-dev
libunbound-dev libcurl4-openssl-dev libgmime-3.0-dev libjansson-dev
libcsv-dev libidn2-dev libunistring-dev libxxhash-dev libgnutls28-dev
zlib1g-dev"

# For the test suite, beside the above.
test_packages="libcmocka-dev python3 python3-dkim python3-nacl openssl curl strace
opendkim-tools postfix dnsmasq-base util-linux lmdb-utils libasan8 libubsan1"

# For contrib/quickstart.
demo_packages="libcmocka-dev python3 python3-dkim python3-nacl openssl
opendkim-tools util-linux mount"

# install_packages WHY PACKAGE...: install what is missing, and say so.
install_packages() {
	why=$1
	shift
	missing=
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null |
		    grep -q 'ok installed' || missing="$missing $p"
	done
	[ -n "$missing" ] || return 0
	echo "These Debian packages are needed $why and not installed:"
	echo "  $missing"
	if [ "$(id -u)" -ne 0 ]; then
		echo "Install them as root: apt-get install$missing" >&2
		return 1
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q -q || return 1
	# shellcheck disable=SC2086
	apt-get install -q -q -y --no-install-recommends $missing >/dev/null
}
