"""Compiles what is imported from a zip file once for each host, not once for each process.

Ansible sends every module with its library as a zip file of sources, and Python keeps no bytecode of those:
compiling them is half of what a task costs. Only the test hosts have this.
"""

import _imp
import marshal
import os
import zipimport

CACHE = "/var/cache/zipimport"

compile_source = zipimport._compile_source


def cached(pathname, source):
    """Return the code of a source, from the cache where it is there."""
    path = os.path.join(CACHE, _imp.source_hash(0, source).hex())
    try:
        with open(path, "rb") as file:
            return marshal.load(file)
    except (OSError, EOFError, ValueError):
        pass
    code = compile_source(pathname, source)
    try:
        with open(f"{path}.{os.getpid()}", "wb") as file:
            marshal.dump(code, file)
        os.replace(file.name, path)
    except OSError:
        pass
    return code


zipimport._compile_source = cached
