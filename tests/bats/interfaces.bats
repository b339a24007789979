#!/usr/bin/env bats
# interfaces: what weir-interfaces lists.
load helper

setup() {
	ns=wi$$
}

teardown() {
	ip netns del "$ns" 2>/dev/null || true
}

@test "interfaces: state, MTU, link, driver, counters and addresses, as a table and as JSON (rscap: todo!)" {
	[ "$(id -u)" = 0 ] && command -v ip >/dev/null && ip netns add "$ns" || skip "no network namespaces here (root and ip are needed)"
	in=(ip netns exec "$ns")
	"${in[@]}" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	ip -n "$ns" link add v0 mtu 1400 type veth peer name v1
	ip -n "$ns" link set v0 up
	ip -n "$ns" addr add 10.79.0.1/24 dev v0
	got=$("${in[@]}" weir interfaces --json v0 v1 | jq -c '[.name, .state, .mtu, .link, .link_type, .driver, .addresses, .rx_frames]')
	[ "$got" = $'["v0","no-carrier",1400,"ethernet",1,"veth",["10.79.0.1/24"],0]\n["v1","down",1500,"ethernet",1,"veth",[],0]' ] || { echo "$got"; false; }
	ip -n "$ns" link set v1 up
	"${in[@]}" python3 "$top/tests/gen/flood.py" v1 3
	got=$("${in[@]}" weir interfaces --json v0 | jq -c '[.state, .rx_frames, .rx_bytes, (.mac | length)]')
	[ "$got" = '["up",3,180,17]' ] || { echo "$got"; false; }
	"${in[@]}" weir interfaces | tr -s ' ' | grep -qx "v0 up 1400 ethernet veth 3 [0-9]* [0-9]* 10.79.0.1/24"
	"${in[@]}" weir interfaces | head -n 1 | grep -q '^NAME  *STATE  *MTU'
}

@test "interfaces: one that is not there is said, the others are printed" {
	run -1 weir interfaces lo nowhere0
	[[ "$output" == *"lo "* ]]
	[[ "$output" == *"weir-interfaces: no interface 'nowhere0'"* ]]
}
