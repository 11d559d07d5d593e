"""The load balancer's role."""

from __future__ import annotations

from clmdeploy.lab.disk import DiskEntry, DiskFile, enabled
from clmdeploy.lab.facts import BALANCER_SOCKET, CONTENT_BACKEND, CONTENT_PORT, WEB_BACKEND, WEB_PORT, LabFacts
from clmdeploy.lab.ssh import Ssh

_CONFIGURATION = """\
# Without retries: a request that meets a stopped server fails, as it should in a test of rollouts.
global
    log /dev/log local0
    user haproxy
    group haproxy
    chroot /var/lib/haproxy
    stats socket {socket} mode 660 level admin group haproxy
    stats timeout 30s
    maxconn 4000

defaults
    log global
    mode http
    option httplog
    option dontlognull
    option forwardfor
    retries 0
    http-reuse safe
    timeout connect 5s
    timeout queue 5s
    timeout client 60s
    timeout server 30s
    timeout http-request 10s
    timeout http-keep-alive 60s
    timeout check 5s
    default-server inter 500ms fall 3 rise 1

frontend clm
    bind :80
    use_backend {content} if {{ path /content }} || {{ path_beg /content/ }}
    default_backend {web}

backend {web}
    balance roundrobin
    option httpchk GET /health
    http-check expect status 200
{web_servers}
backend {content}
    option httpchk GET /health
    http-check expect status 200
{content_servers}"""


def entries(facts: LabFacts) -> tuple[DiskEntry, ...]:
    """Servers are named as their hosts in the inventory, which is how the tool finds them."""
    return (DiskFile("/etc/haproxy/haproxy.cfg", configuration(facts)), enabled("haproxy.service"))


def configuration(facts: LabFacts) -> str:
    """The text of haproxy.cfg. Servers stand by address, so it starts whether they answer or not."""
    return _CONFIGURATION.format(
        socket=BALANCER_SOCKET,
        web=WEB_BACKEND,
        content=CONTENT_BACKEND,
        web_servers=_servers(facts, "app", WEB_PORT),
        content_servers=_servers(facts, "worker", CONTENT_PORT),
    )


def _servers(facts: LabFacts, group: str, port: int) -> str:
    hosts = facts.record.spec.group(group)
    return "".join(f"    server {host.name} {facts.record.address(host)}:{port} check\n" for host in hosts)


def ready(ssh: Ssh) -> None:
    """Raises LabError unless haproxy runs and its socket is there."""
    ssh.run(("systemctl", "is-active", "--quiet", "haproxy.service"), timeout=30)
    ssh.run(("test", "-S", BALANCER_SOCKET), timeout=30)
