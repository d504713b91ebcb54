"""The store: one place that talks to Valkey or Redis, and the only one that imports a client.

Pages, by what you need:
- `keys`        every key there is, who owns it and how it ends
- `partitions`  ids that know where they live, and the tags of partitions
- `scripts`     Lua files with declared arguments, composed and checked when they are loaded
- `client`      `Store`: runs scripts and commands wherever their slot lives
- `frames`      what a value looks like at rest: format byte, checksum, body
- `leases`      how a replica stays alive in the store, and knows when it no longer is
- `embedded`    the bundled server: started, guarded, repaired and stopped by us
"""
