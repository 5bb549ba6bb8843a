#!/bin/sh
# Installs the programs that the camera tests talk to: an MQTT broker, an RTSP server, a video encoder, a browser.
# Where this may not install anything, the tests that need a missing program skip and say so.
set -u
packages="mosquitto ffmpeg chromium gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base
gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"
if ! command -v apt-get > /dev/null || [ "$(id -u)" -ne 0 ]; then
    echo "not root, or no apt-get: camera tests use what is installed"
    exit 0
fi
missing=""
for package in $packages; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of words
{ apt-get update -qq && apt-get install -qq --yes --no-install-recommends $missing; } > /dev/null 2>&1 ||
    echo "could not install:$missing; tests that need them skip"
exit 0
