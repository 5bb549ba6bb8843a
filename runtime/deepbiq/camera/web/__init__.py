"""The web page and the service of `deepbiq watch`.

`hub` takes the loop's events and keeps what the page shows, `app` puts routes and guards together, `server` runs
them in a thread of their own.
"""
