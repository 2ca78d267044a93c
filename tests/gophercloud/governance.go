package main

import (
	"sort"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/identity/v3/projects"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/addressscopes"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/qos/policies"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/qos/rules"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/rbacpolicies"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/subnetpools"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/trunks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
)

func tourPools(client *gophercloud.ServiceClient) {
	scope := must(addressscopes.Create(client, addressscopes.CreateOpts{Name: "go-scope", IPVersion: 4}).Extract())
	later("scope", scope.ID,
		func() error { return addressscopes.Delete(client, scope.ID).ExtractErr() },
		func() error { return addressscopes.Get(client, scope.ID).Err })
	changed := must(addressscopes.Update(client, scope.ID, addressscopes.UpdateOpts{Name: to("go-changed"), Shared: to(true)}).Extract())
	same("scope", changed, must(addressscopes.Get(client, scope.ID).Extract()))

	made := must(subnetpools.Create(client, subnetpools.CreateOpts{
		Name: "go-pool", Prefixes: []string{"10.44.0.0/17", "10.44.128.0/17"}, DefaultPrefixLen: 26, MinPrefixLen: 20, MaxPrefixLen: 28,
		AddressScopeID: scope.ID, Description: "first", DefaultQuota: 4096,
	}).Extract())
	later("pool", made.ID,
		func() error { return subnetpools.Delete(client, made.ID).ExtractErr() },
		func() error { return subnetpools.Get(client, made.ID).Err })
	shown := must(subnetpools.Get(client, made.ID).Extract())
	same("made and shown", shown, made)
	same("prefixes, as one", shown.Prefixes, []string{"10.44.0.0/16"})
	same("lengths", []int{shown.DefaultPrefixLen, shown.MinPrefixLen, shown.MaxPrefixLen}, []int{26, 20, 28})
	same("scope", shown.AddressScopeID, scope.ID)

	net := network(client, networks.CreateOpts{Name: "go-net"})
	usual := subnet(client, subnets.CreateOpts{NetworkID: net.ID, SubnetPoolID: made.ID})
	same("the pool's", usual.SubnetPoolID, made.ID)
	same("its length", usual.CIDR[len(usual.CIDR)-3:], "/26")
	small := subnet(client, subnets.CreateOpts{NetworkID: net.ID, SubnetPoolID: made.ID, Prefixlen: 28})
	same("its length", small.CIDR[len(small.CIDR)-3:], "/28")
	chosen := subnet(client, subnets.CreateOpts{NetworkID: net.ID, SubnetPoolID: made.ID, CIDR: "10.44.9.0/24"})
	same("its prefix", chosen.CIDR, "10.44.9.0/24")
	found := must(subnets.ExtractSubnets(must(subnets.List(client, subnets.ListOpts{SubnetPoolID: made.ID}).AllPages())))
	same("of the pool", len(found), 3)

	wider := must(subnetpools.Update(client, made.ID, subnetpools.UpdateOpts{
		Prefixes: []string{"10.44.0.0/16", "10.46.0.0/16"}, MinPrefixLen: 18, Description: to(""), IsDefault: to(false),
	}).Extract())
	same("wider", wider.Prefixes, []string{"10.44.0.0/16", "10.46.0.0/16"})
	same("other lengths", []int{wider.DefaultPrefixLen, wider.MinPrefixLen}, []int{26, 18})

	free := must(networkipavailabilities.Get(client, net.ID).Extract())
	same("addresses of the network", free.NetworkName, "go-net")
	same("by subnet", len(free.SubnetIPAvailabilities), 3)
}

func tourTrunks(client *gophercloud.ServiceClient) {
	net := network(client, networks.CreateOpts{Name: "go-net"})
	parent, one, two := port(client, ports.CreateOpts{NetworkID: net.ID}), port(client, ports.CreateOpts{NetworkID: net.ID}), port(client, ports.CreateOpts{NetworkID: net.ID})
	carried := trunks.Subport{PortID: one.ID, SegmentationType: "vlan", SegmentationID: 100}
	made := must(trunks.Create(client, trunks.CreateOpts{PortID: parent.ID, Name: "go-trunk", Description: "first", Subports: []trunks.Subport{carried}}).Extract())
	later("trunk", made.ID,
		func() error { return trunks.Delete(client, made.ID).ExtractErr() },
		func() error { return trunks.Get(client, made.ID).Err })
	settled("trunk", made.Status)
	same("made and shown", must(trunks.Get(client, made.ID).Extract()), made)
	same("carries", made.Subports, []trunks.Subport{carried})
	another := trunks.Subport{PortID: two.ID, SegmentationType: "vlan", SegmentationID: 101}
	more := must(trunks.AddSubports(client, made.ID, trunks.AddSubportsOpts{Subports: []trunks.Subport{another}}).Extract())
	same("carries two", len(more.Subports), 2)
	fewer := must(trunks.RemoveSubports(client, made.ID, trunks.RemoveSubportsOpts{Subports: []trunks.RemoveSubport{{PortID: one.ID}}}).Extract())
	same("carries another", fewer.Subports, []trunks.Subport{another})
	same("subports", must(trunks.GetSubports(client, made.ID).Extract()), []trunks.Subport{another})
	changed := must(trunks.Update(client, made.ID, trunks.UpdateOpts{Name: to("go-changed"), Description: to(""), AdminStateUp: to(false)}).Extract())
	same("changed", []interface{}{changed.Name, changed.Description, changed.AdminStateUp}, []interface{}{"go-changed", "", false})
	refused[gophercloud.ErrDefault409]("a trunk that is off", trunks.Delete(client, made.ID).ExtractErr())
	changed = must(trunks.Update(client, made.ID, trunks.UpdateOpts{AdminStateUp: to(true)}).Extract())
	found := must(trunks.ExtractTrunks(must(trunks.List(client, trunks.ListOpts{PortID: parent.ID}).AllPages())))
	same("found", found, []trunks.Trunk{*changed})
}

// another makes a project.
func another(client *gophercloud.ServiceClient) *projects.Project {
	identity := must(openstack.NewIdentityV3(client.ProviderClient, gophercloud.EndpointOpts{}))
	made := must(projects.Create(identity, projects.CreateOpts{Name: "go-project", DomainID: "default", Description: "first"}).Extract())
	later("project", made.ID,
		func() error { return projects.Delete(identity, made.ID).ExtractErr() },
		func() error { return projects.Get(identity, made.ID).Err })
	return made
}

func tourQuotas(client *gophercloud.ServiceClient) {
	project := another(client)
	usual := must(quotas.Get(client, project.ID).Extract())
	changed := must(quotas.Update(client, project.ID, quotas.UpdateOpts{Network: to(0), Port: to(-1), SubnetPool: to(7)}).Extract())
	wanted := *usual
	wanted.Network, wanted.Port, wanted.SubnetPool = 0, -1, 7
	same("changed", *changed, wanted)
	same("shown", must(quotas.Get(client, project.ID).Extract()), changed)
	refused[gophercloud.ErrDefault409]("one more than none", networks.Create(client, networks.CreateOpts{ProjectID: project.ID}).Err)
}

func tourTags(client *gophercloud.ServiceClient) {
	net := network(client, networks.CreateOpts{Name: "go-net"})
	set := must(attributestags.ReplaceAll(client, "networks", net.ID, attributestags.ReplaceAllOpts{Tags: []string{"blue", "green"}}).Extract())
	sort.Strings(set)
	same("set", set, []string{"blue", "green"})
	done(attributestags.Add(client, "networks", net.ID, "red").ExtractErr())
	done(attributestags.Delete(client, "networks", net.ID, "blue").ExtractErr())
	same("red", must(attributestags.Confirm(client, "networks", net.ID, "red").Extract()), true)
	same("blue", must(attributestags.Confirm(client, "networks", net.ID, "blue").Extract()), false)
	left := must(attributestags.List(client, "networks", net.ID).Extract())
	sort.Strings(left)
	same("left", left, []string{"green", "red"})
	count := func(options networks.ListOpts) int {
		options.ID = net.ID
		return len(must(networks.ExtractNetworks(must(networks.List(client, options).AllPages()))))
	}
	same("with both", count(networks.ListOpts{Tags: "green,red"}), 1)
	same("with blue, too", count(networks.ListOpts{Tags: "blue,red"}), 0)
	same("with any", count(networks.ListOpts{TagsAny: "blue,red"}), 1)
	same("without both", count(networks.ListOpts{NotTags: "green,red"}), 0)
	done(attributestags.DeleteAll(client, "networks", net.ID).ExtractErr())
	same("none", len(must(networks.Get(client, net.ID).Extract()).Tags), 0)
}

func tourQos(client *gophercloud.ServiceClient) {
	gold := must(policies.Create(client, policies.CreateOpts{Name: "go-gold", Description: "first", Shared: true}).Extract())
	later("policy", gold.ID,
		func() error { return policies.Delete(client, gold.ID).ExtractErr() },
		func() error { return policies.Get(client, gold.ID).Err })
	limit := must(rules.CreateBandwidthLimitRule(client, gold.ID, rules.CreateBandwidthLimitRuleOpts{MaxKBps: 1000, MaxBurstKBps: 100, Direction: "egress"}).ExtractBandwidthLimitRule())
	same("shown", must(rules.GetBandwidthLimitRule(client, gold.ID, limit.ID).ExtractBandwidthLimitRule()), limit)
	raised := must(rules.UpdateBandwidthLimitRule(client, gold.ID, limit.ID, rules.UpdateBandwidthLimitRuleOpts{MaxKBps: to(2000)}).ExtractBandwidthLimitRule())
	same("raised", []int{raised.MaxKBps, raised.MaxBurstKBps}, []int{2000, 100})
	must(rules.CreateDSCPMarkingRule(client, gold.ID, rules.CreateDSCPMarkingRuleOpts{DSCPMark: 46}).ExtractDSCPMarkingRule())
	must(rules.CreateMinimumBandwidthRule(client, gold.ID, rules.CreateMinimumBandwidthRuleOpts{MinKBps: 100, Direction: "egress"}).ExtractMinimumBandwidthRule())
	all := must(rules.ExtractBandwidthLimitRules(must(rules.ListBandwidthLimitRules(client, gold.ID, rules.BandwidthLimitRulesListOpts{}).AllPages())))
	same("limits", all, []rules.BandwidthLimitRule{*raised})
	same("rules", len(must(policies.Get(client, gold.ID).Extract()).Rules), 3)
	net := network(client, networks.CreateOpts{Name: "go-net"})
	var shown struct {
		networks.Network
		policies.QoSPolicyExt
	}
	done(networks.Update(client, net.ID, policies.NetworkUpdateOptsExt{UpdateOptsBuilder: networks.UpdateOpts{}, QoSPolicyID: to(gold.ID)}).ExtractInto(&shown))
	same("the network's", shown.QoSPolicyID, gold.ID)
	refused[gophercloud.ErrDefault409]("a policy that is used", policies.Delete(client, gold.ID).Err)
	done(networks.Update(client, net.ID, policies.NetworkUpdateOptsExt{UpdateOptsBuilder: networks.UpdateOpts{}, QoSPolicyID: to("")}).Err)
	done(rules.DeleteBandwidthLimitRule(client, gold.ID, limit.ID).ExtractErr())
}

func tourSharing(client *gophercloud.ServiceClient) {
	project := another(client)
	net := network(client, networks.CreateOpts{Name: "go-net"})
	made := must(rbacpolicies.Create(client, rbacpolicies.CreateOpts{
		Action: rbacpolicies.ActionAccessShared, ObjectType: "network", ObjectID: net.ID, TargetTenant: project.ID,
	}).Extract())
	later("policy", made.ID,
		func() error { return rbacpolicies.Delete(client, made.ID).ExtractErr() },
		func() error { return rbacpolicies.Get(client, made.ID).Err })
	same("made and shown", must(rbacpolicies.Get(client, made.ID).Extract()), made)
	same("with", made.TargetTenant, project.ID)
	changed := must(rbacpolicies.Update(client, made.ID, rbacpolicies.UpdateOpts{TargetTenant: "*"}).Extract())
	same("with all", changed.TargetTenant, "*")
	found := must(rbacpolicies.ExtractRBACPolicies(must(rbacpolicies.List(client, rbacpolicies.ListOpts{ObjectID: net.ID}).AllPages())))
	same("found", found, []rbacpolicies.RBACPolicy{*changed})
}

func tourRefusals(client *gophercloud.ServiceClient) {
	net := network(client, networks.CreateOpts{Name: "go-net"})
	sub := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/24"})
	web := port(client, ports.CreateOpts{NetworkID: net.ID, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.50"}}})
	refused[gophercloud.ErrDefault409]("a network that is used", networks.Delete(client, net.ID).ExtractErr())
	refused[gophercloud.ErrDefault409]("a subnet that is used", subnets.Delete(client, sub.ID).ExtractErr())
	refused[gophercloud.ErrDefault409]("an address that is taken", ports.Create(client, ports.CreateOpts{NetworkID: net.ID, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.50"}}}).Err)
	refused[gophercloud.ErrDefault400]("a prefix that is taken", subnets.Create(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/25", IPVersion: gophercloud.IPv4}).Err)
	refused[gophercloud.ErrDefault404]("a network that is not", ports.Create(client, ports.CreateOpts{NetworkID: web.ID}).Err)
	refused[gophercloud.ErrDefault400]("a prefix that is none", subnets.Create(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/33", IPVersion: gophercloud.IPv4}).Err)
}
