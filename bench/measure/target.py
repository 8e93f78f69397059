"""What is measured: a Redis end point on loopback and the processes behind it."""
import os
import re
import sys


def die(text):
    sys.exit('compare: ' + text)


def family(pid):
    """The process and all its descendants."""
    kids = {}
    for d in os.listdir('/proc'):
        if d.isdigit():
            try:
                with open(f'/proc/{d}/stat') as f:
                    kids.setdefault(int(f.read().rsplit(')', 1)[1].split()[1]), []).append(int(d))
            except OSError:
                pass
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        if os.path.isdir(f'/proc/{p}'):
            out.append(p)
        todo += kids.get(p, [])
    return out


class Target:
    """NAME=HOST:PORT[,tls][,sni=N][,user=U][,pass=P|,passfile=F|,secrets=F][,refused][,noping][,most=N][,for=W6+W6r][,trail=DIR][,pid=...]"""

    def __init__(self, spec):
        name, eq, rest = spec.partition('=')
        parts = rest.split(',')
        m = re.fullmatch(r'\[?([^\[\]]+?)\]?:(\d+)', parts[0])
        if not eq or not m:
            die('a target is NAME=HOST:PORT[,tls][,user=U][,pass=P][,passfile=F][,pid=FILE]..., not ' + spec)
        self.name, self.host, self.port = name, m.group(1), int(m.group(2))
        self.tls = self.refused = self.noping = False
        self.user = self.password = self.sni = self.passfile = self.secrets = self.trail = None
        self.most, self.only, self.pids = None, None, []
        for p in parts[1:]:
            k, _, v = p.partition('=')
            if p in ('tls', 'refused', 'noping'):
                setattr(self, p, True)
            elif k in ('user', 'sni', 'passfile', 'secrets', 'trail'):
                setattr(self, k, v)
            elif k == 'pass':
                self.password = v
            elif k == 'most':
                self.most = int(v)
            elif k == 'for':
                self.only = v.split('+')
            elif k == 'pid':
                self.pids.append(v)
            else:
                die('unknown part of a target: ' + p)
        if self.passfile:
            with open(self.passfile) as f:
                self.password = f.read().strip()
        if not (self.host == 'localhost' or self.host.startswith('127.')):
            die('loads go to loopback only, not to ' + self.host)

    def takes_part(self, workload):
        return self.only is None or workload in self.only

    def pid_numbers(self):
        out = []
        for p in self.pids:
            if not p.isdigit():
                with open(p) as f:
                    p = f.read().strip()
            out += family(int(p))
        return sorted(set(out))
