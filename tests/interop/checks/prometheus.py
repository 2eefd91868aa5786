"""The metrics, judged by Prometheus itself."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from stage import PATIENCE, Endpoint, Process, Proxy, check, eventually, free_port, main, need


@check
def promtool_finds_the_metrics_clean():
    promtool = need("promtool")
    with Endpoint() as endpoint, Proxy([endpoint.port, free_port()]) as proxy:
        for _ in range(20):
            proxy.still_serves()
        metrics = proxy.get("/metrics", admin=True)[2]
        done = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        assert not done.stderr.strip() and not done.stdout.strip(), done.stderr.decode() + done.stdout.decode()


@check
def prometheus_scrapes_and_answers_the_usual_questions():
    prometheus = need("prometheus")
    with Endpoint() as endpoint, Proxy([endpoint.port]) as proxy, tempfile.TemporaryDirectory() as home:
        port = free_port()
        config = os.path.join(home, "prometheus.yml")
        with open(config, "w") as file:
            file.write(
                "scrape_configs:\n  - job_name: outrigger\n    scrape_interval: 500ms\n    scrape_timeout: 500ms\n"
                f"    static_configs: [ {{ targets: ['127.0.0.1:{proxy.admin}'] }} ]\n"
            )
        command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={home}/data"]
        with Process(*command, f"--web.listen-address=127.0.0.1:{port}"):

            def ask(query):
                url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
                try:
                    with urllib.request.urlopen(url, timeout=5) as reply:
                        result = json.load(reply)["data"]["result"]
                except OSError:
                    return None
                return float(result[0]["value"][1]) if result else None

            def flowing(query, accept):
                proxy.still_serves()
                value = ask(query)
                return value is not None and accept(value)

            eventually("the target is up", lambda: flowing('up{job="outrigger"}', lambda value: value == 1))
            eventually(
                "a rate is there",
                lambda: flowing('sum(rate(outrigger_requests_total{status="200"}[5s]))', lambda value: value > 0),
            )
            quantile = "histogram_quantile(0.99, sum by (le) (rate(outrigger_request_duration_seconds_bucket[5s])))"
            eventually("a quantile is there", lambda: flowing(quantile, lambda value: 0 < value < 5))
            eventually("endpoints are gauged", lambda: flowing("sum(outrigger_endpoints)", lambda value: value == 1))


if __name__ == "__main__":
    main()
