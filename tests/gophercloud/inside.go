package main

import (
	"fmt"
	"sort"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/dns"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/extradhcpopts"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/mtu"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/pagination"
)

func network(client *gophercloud.ServiceClient, options networks.CreateOptsBuilder) *networks.Network {
	made := must(networks.Create(client, options).Extract())
	settled("network", made.Status)
	later("network", made.ID,
		func() error { return networks.Delete(client, made.ID).ExtractErr() },
		func() error { return networks.Get(client, made.ID).Err })
	return made
}

func subnet(client *gophercloud.ServiceClient, options subnets.CreateOpts) *subnets.Subnet {
	if options.IPVersion == 0 {
		options.IPVersion = gophercloud.IPv4
	}
	made := must(subnets.Create(client, options).Extract())
	later("subnet", made.ID,
		func() error { return subnets.Delete(client, made.ID).ExtractErr() },
		func() error { return subnets.Get(client, made.ID).Err })
	return made
}

func port(client *gophercloud.ServiceClient, options ports.CreateOptsBuilder) *ports.Port {
	made := must(ports.Create(client, options).Extract())
	settled("port", made.Status)
	later("port", made.ID,
		func() error { return ports.Delete(client, made.ID).ExtractErr() },
		func() error { return ports.Get(client, made.ID).Err })
	return made
}

func group(client *gophercloud.ServiceClient, options groups.CreateOpts) *groups.SecGroup {
	made := must(groups.Create(client, options).Extract())
	later("security group", made.ID,
		func() error { return groups.Delete(client, made.ID).ExtractErr() },
		func() error { return groups.Get(client, made.ID).Err })
	return made
}

func outside(client *gophercloud.ServiceClient) (*networks.Network, *subnets.Subnet) {
	made := network(client, external.CreateOptsExt{CreateOptsBuilder: networks.CreateOpts{Name: "go-out"}, External: to(true)})
	off := false
	return made, subnet(client, subnets.CreateOpts{NetworkID: made.ID, CIDR: "198.51.100.0/24", EnableDHCP: &off})
}

func tourNetworks(client *gophercloud.ServiceClient) {
	made := network(client, mtu.CreateOptsExt{
		CreateOptsBuilder: networks.CreateOpts{Name: "go-net", Description: "first", AdminStateUp: to(true)},
		MTU:               1400,
	})
	var shown struct {
		networks.Network
		external.NetworkExternalExt
		mtu.NetworkMTUExt
		portsecurity.PortSecurityExt
	}
	done(networks.Get(client, made.ID).ExtractInto(&shown))
	same("name", shown.Name, "go-net")
	same("description", shown.Description, "first")
	same("mtu", shown.MTU, 1400)
	same("external", shown.External, false)
	same("port security", shown.PortSecurityEnabled, true)
	same("whose", shown.ProjectID, shown.TenantID)
	same("subnets", shown.Subnets, []string{})
	if shown.CreatedAt.IsZero() || shown.UpdatedAt.Before(shown.CreatedAt) {
		fail("made %v, changed %v", shown.CreatedAt, shown.UpdatedAt)
	}
	changed := must(networks.Update(client, made.ID, networks.UpdateOpts{
		Name: to("go-changed"), Description: to(""), AdminStateUp: to(false), Shared: to(true),
	}).Extract())
	same("name", changed.Name, "go-changed")
	same("description", changed.Description, "")
	same("admin state", changed.AdminStateUp, false)
	same("shared", changed.Shared, true)
	found := must(networks.ExtractNetworks(must(networks.List(client, networks.ListOpts{
		Name: "go-changed", AdminStateUp: to(false), Shared: to(true),
	}).AllPages())))
	same("found", len(found), 1)
	same("the same, listed and changed", found[0], *changed)
}

func tourSubnets(client *gophercloud.ServiceClient) {
	net := network(client, networks.CreateOpts{Name: "go-net"})
	four := subnet(client, subnets.CreateOpts{
		NetworkID: net.ID, Name: "go-four", CIDR: "10.41.0.0/24", GatewayIP: to("10.41.0.254"), Description: "first",
		AllocationPools: []subnets.AllocationPool{{Start: "10.41.0.10", End: "10.41.0.99"}},
		DNSNameservers:  []string{"192.0.2.53", "192.0.2.54"},
		HostRoutes:      []subnets.HostRoute{{DestinationCIDR: "10.99.0.0/24", NextHop: "10.41.0.9"}},
	})
	shown := must(subnets.Get(client, four.ID).Extract())
	same("made and shown", shown, four)
	same("gateway", shown.GatewayIP, "10.41.0.254")
	same("pools", shown.AllocationPools, []subnets.AllocationPool{{Start: "10.41.0.10", End: "10.41.0.99"}})
	same("name servers", shown.DNSNameservers, []string{"192.0.2.53", "192.0.2.54"})
	same("routes", shown.HostRoutes, []subnets.HostRoute{{DestinationCIDR: "10.99.0.0/24", NextHop: "10.41.0.9"}})
	same("dhcp", shown.EnableDHCP, true)

	changed := must(subnets.Update(client, four.ID, subnets.UpdateOpts{
		Name: to("go-changed"), GatewayIP: to(""), DNSNameservers: &[]string{}, HostRoutes: &[]subnets.HostRoute{},
		AllocationPools: []subnets.AllocationPool{{Start: "10.41.0.20", End: "10.41.0.29"}}, EnableDHCP: to(false),
	}).Extract())
	same("no gateway", changed.GatewayIP, "")
	same("no name servers", changed.DNSNameservers, []string{})
	same("no routes", changed.HostRoutes, []subnets.HostRoute{})
	same("no dhcp", changed.EnableDHCP, false)
	same("pools", changed.AllocationPools, []subnets.AllocationPool{{Start: "10.41.0.20", End: "10.41.0.29"}})

	none := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.42.0.0/24", GatewayIP: to("")})
	same("made without a gateway", none.GatewayIP, "")
	six := subnet(client, subnets.CreateOpts{
		NetworkID: net.ID, CIDR: "fd41::/64", IPVersion: gophercloud.IPv6, IPv6AddressMode: "slaac", IPv6RAMode: "slaac",
	})
	same("gateway of IPv6", six.GatewayIP, "fd41::1")
	same("modes", []string{six.IPv6AddressMode, six.IPv6RAMode}, []string{"slaac", "slaac"})
	found := must(subnets.ExtractSubnets(must(subnets.List(client, subnets.ListOpts{
		NetworkID: net.ID, IPVersion: 6, IPv6RAMode: "slaac",
	}).AllPages())))
	same("of IPv6", found, []subnets.Subnet{*six})
	both := must(networks.Get(client, net.ID).Extract()).Subnets
	same("subnets of the network", len(both), 3)
}

func tourPorts(client *gophercloud.ServiceClient) {
	net := network(client, networks.CreateOpts{Name: "go-net"})
	sub := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/24"})
	own := group(client, groups.CreateOpts{Name: "go-group"})
	made := port(client, dns.PortCreateOptsExt{
		DNSName: "web",
		CreateOptsBuilder: extradhcpopts.CreateOptsExt{
			ExtraDHCPOpts: []extradhcpopts.CreateExtraDHCPOpt{{OptName: "domain-name", OptValue: "go.example", IPVersion: gophercloud.IPv4}},
			CreateOptsBuilder: ports.CreateOpts{
				NetworkID: net.ID, Name: "go-port", Description: "first", MACAddress: "fa:16:3e:41:00:50", DeviceID: "go",
				FixedIPs:            []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.50"}},
				SecurityGroups:      &[]string{own.ID},
				AllowedAddressPairs: []ports.AddressPair{{IPAddress: "10.41.0.60"}, {IPAddress: "10.43.0.0/24", MACAddress: "fa:16:3e:41:00:51"}},
			},
		},
	})
	var shown struct {
		ports.Port
		dns.PortDNSExt
		extradhcpopts.ExtraDHCPOptsExt
		portsecurity.PortSecurityExt
	}
	done(ports.Get(client, made.ID).ExtractInto(&shown))
	same("addresses", shown.FixedIPs, []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.50"}})
	same("MAC", shown.MACAddress, "fa:16:3e:41:00:50")
	same("groups", shown.SecurityGroups, []string{own.ID})
	same("pairs", shown.AllowedAddressPairs, []ports.AddressPair{
		{IPAddress: "10.41.0.60", MACAddress: "fa:16:3e:41:00:50"}, {IPAddress: "10.43.0.0/24", MACAddress: "fa:16:3e:41:00:51"},
	})
	same("its name in DNS", shown.DNSName, "web")
	same("options", shown.ExtraDHCPOpts, []extradhcpopts.ExtraDHCPOpt{{OptName: "domain-name", OptValue: "go.example", IPVersion: 4}})

	changed := must(ports.Update(client, made.ID, portsecurity.PortUpdateOptsExt{
		PortSecurityEnabled: to(false),
		UpdateOptsBuilder: extradhcpopts.UpdateOptsExt{
			ExtraDHCPOpts: []extradhcpopts.UpdateExtraDHCPOpt{{OptName: "domain-name", OptValue: nil}},
			UpdateOptsBuilder: ports.UpdateOpts{
				Name: to(""), DeviceID: to(""), AdminStateUp: to(false), SecurityGroups: &[]string{},
				AllowedAddressPairs: &[]ports.AddressPair{}, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.51"}},
			},
		},
	}).Extract())
	same("no name", changed.Name, "")
	same("no groups", changed.SecurityGroups, []string{})
	same("no pairs", changed.AllowedAddressPairs, []ports.AddressPair{})
	same("another address", changed.FixedIPs[0].IPAddress, "10.41.0.51")
	shown.ExtraDHCPOpts = nil
	done(ports.Get(client, made.ID).ExtractInto(&shown))
	same("no options", len(shown.ExtraDHCPOpts), 0)
	same("no port security", shown.PortSecurityEnabled, false)

	usual := port(client, ports.CreateOpts{NetworkID: net.ID})
	same("one group by itself", len(usual.SecurityGroups), 1)
	found := must(ports.ExtractPorts(must(ports.List(client, ports.ListOpts{
		NetworkID: net.ID, FixedIPs: []ports.FixedIPOpts{{SubnetID: sub.ID}, {IPAddress: "10.41.0.51"}},
	}).AllPages())))
	same("how many by their address", len(found), 1)
	same("by its address", found[0].ID, made.ID)
	bare := port(client, ports.CreateOpts{NetworkID: net.ID, FixedIPs: []ports.IP{}})
	same("without addresses", len(bare.FixedIPs), 0)
}

func tourGroups(client *gophercloud.ServiceClient) {
	own := group(client, groups.CreateOpts{Name: "go-group", Description: "first"})
	same("two rules by themselves", len(own.Rules), 2)
	for _, each := range own.Rules {
		done(rules.Delete(client, each.ID).ExtractErr())
	}
	made := must(rules.Create(client, rules.CreateOpts{
		Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: own.ID, Protocol: rules.ProtocolTCP,
		PortRangeMin: 80, PortRangeMax: 81, RemoteIPPrefix: "10.0.0.0/8", Description: "web",
	}).Extract())
	same("ports", []int{made.PortRangeMin, made.PortRangeMax}, []int{80, 81})
	same("from", made.RemoteIPPrefix, "10.0.0.0/8")
	mates := must(rules.Create(client, rules.CreateOpts{
		Direction: rules.DirIngress, EtherType: rules.EtherType6, SecGroupID: own.ID, RemoteGroupID: own.ID,
	}).Extract())
	same("of every protocol", mates.Protocol, "")
	for _, protocol := range []rules.RuleProtocol{rules.ProtocolICMP, rules.ProtocolAH, rules.ProtocolSCTP, rules.ProtocolVRRP, rules.ProtocolUDPLite, "112"} {
		_, err := rules.Create(client, rules.CreateOpts{
			Direction: rules.DirEgress, EtherType: rules.EtherType4, SecGroupID: own.ID, Protocol: protocol,
		}).Extract()
		if protocol == "112" {
			refused[gophercloud.ErrDefault409]("vrrp by its number", err)
		} else {
			done(err)
		}
	}
	shown := must(groups.Get(client, own.ID).Extract())
	same("rules", len(shown.Rules), 7)
	found := must(rules.ExtractRules(must(rules.List(client, rules.ListOpts{SecGroupID: own.ID, Protocol: "tcp"}).AllPages())))
	same("by protocol", found, []rules.SecGroupRule{*made})
	changed := must(groups.Update(client, own.ID, groups.UpdateOpts{Name: "go-changed", Description: to("")}).Extract())
	same("name", changed.Name, "go-changed")
	same("rules stay", len(changed.Rules), 7)
	done(rules.Delete(client, made.ID).ExtractErr())
	refused[gophercloud.ErrDefault404]("a rule after its deletion", rules.Get(client, made.ID).Err)
}

func tourPages(client *gophercloud.ServiceClient) {
	wanted := []string{}
	for number := 0; number < 7; number++ {
		wanted = append(wanted, network(client, networks.CreateOpts{Name: fmt.Sprintf("go-page-%d", number), Description: "go-page"}).ID)
	}
	sort.Strings(wanted)
	pages, got := 0, []string{}
	options := networks.ListOpts{Description: "go-page", Limit: 3, SortKey: "id", SortDir: "asc"}
	done(networks.List(client, options).EachPage(func(page pagination.Page) (bool, error) {
		pages++
		for _, each := range must(networks.ExtractNetworks(page)) {
			got = append(got, each.ID)
		}
		return true, nil
	}))
	same("what the pages held", got, wanted)
	same("pages", pages, 3)
	options.Marker = wanted[4]
	all := must(networks.ExtractNetworks(must(networks.List(client, options).AllPages())))
	same("after a marker", []string{all[0].ID, all[1].ID}, wanted[5:])
	options.Marker, options.SortDir = "", "desc"
	all = must(networks.ExtractNetworks(must(networks.List(client, options).AllPages())))
	same("all pages, backwards", []string{all[0].ID, all[6].ID}, []string{wanted[6], wanted[0]})
}
