"""URLs that must never be dialled: inside addresses in every spelling, odd schemes, ports."""

BAD = """http://127.0.0.1/ http://localhost/ http://127.1/ http://0/ http://0.0.0.0/
http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0177.0.0.1/ http://017700000001/
http://[::1]/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/
http://[0:0:0:0:0:ffff:169.254.169.254]/ http://169.254.169.254/latest/ http://[fd00:ec2::254]/
http://100.100.100.200/ http://10.0.0.1/ http://172.16.0.1/ http://192.168.1.1/ http://100.64.0.1/
http://198.18.0.1/ http://224.0.0.1/ http://255.255.255.255/ http://[fe80::1]/ http://[fc00::1]/
http://[ff02::1]/ http://[2002:7f00:1::]/ http://[64:ff9b::7f00:1]/ http://[64:ff9b::a9fe:a9fe]/
http://[64:ff9b:1::1]/ http://[2001::1]/ http://[::127.0.0.1]/ http://127.0.0.1.:80/
http://①②⑦.⓪.⓪.①/ http://127。0。0。1/ http://user@127.0.0.1/ http://8.8.8.8@127.0.0.1/
http://127.0.0.1#@8.8.8.8/ http://127.0.0.1\\@8.8.8.8/ http://rebind.test/ http://mixed.test/
file:///etc/passwd gopher://127.0.0.1:6379/_PING ftp://127.0.0.1/ http://192.0.0.1/
http://192.0.2.1/ http://240.0.0.1/ http://0.0.0.0.0/ http://[::ffff:0:127.0.0.1]/
http://[::ffff:0:a9fe:a9fe]/ http://[2001:db8::1]/ http://[fec0::1]/ http://[100::1]/
http://[3fff::1]/ http://[5f00::1]/ http://192.88.99.1/ http://203.0.113.1/ http://198.51.100.1/
http://8.8.8.8:22/ http://8.8.8.8:6379/ http://user:pw@8.8.8.8/ http://nothing.test/
http://[::ffff:10.0.0.1]/ http://0x0a000001/""".split()
