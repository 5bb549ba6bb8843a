"""An RTSP server with an encoded test picture, for /usr/bin/python3 with GStreamer's bindings.

    /usr/bin/python3 rtsp_server.py --port 8554 --width 320 --height 240 --fps 15

Serves rtsp://127.0.0.1:PORT/video and says `ready` on standard output. Every client that comes while no other is
there sees the video from its start.
"""

import argparse
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 (the versions must be chosen first)

ROLE = "viewer"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--fps", type=int, default=15)
    parser.add_argument("--pattern", default="smpte", help="of videotestsrc")
    parser.add_argument("--file", help="play this video file over and over instead of a test picture")
    parser.add_argument("--user", help="with --password: let in nobody else")
    parser.add_argument("--password")
    return parser.parse_args()


def make_factory(arguments: argparse.Namespace) -> GstRtspServer.RTSPMediaFactory:
    size = f"video/x-raw,format=I420,width={arguments.width},height={arguments.height},framerate={arguments.fps}/1"
    picture = f"videotestsrc is-live=true pattern={arguments.pattern} ! {size}"
    if arguments.file:
        picture = f'multifilesrc location="{arguments.file}" loop=true ! decodebin ! videoconvert ! videoscale '
        picture += f"! videorate ! {size} ! identity sync=true"
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( {picture} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max={arguments.fps} "
        "! rtph264pay name=pay0 pt=96 config-interval=1 )"
    )
    factory.set_shared(True)
    return factory


def demand_password(
    server: GstRtspServer.RTSPServer, factory: GstRtspServer.RTSPMediaFactory, user: str, password: str
) -> None:
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, ROLE)
    auth = GstRtspServer.RTSPAuth()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_role(ROLE)
    for permission in (
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS,
        GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT,
    ):
        permissions.add_permission_for_role(ROLE, permission, True)
    factory.set_permissions(permissions)


def main() -> None:
    Gst.init(None)
    arguments = parse_arguments()
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(arguments.port))
    factory = make_factory(arguments)
    if arguments.user:
        demand_password(server, factory, arguments.user, arguments.password)
    server.get_mount_points().add_factory("/video", factory)
    if not server.attach(None):
        raise SystemExit(f"port {arguments.port} is taken")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
