package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/floatingips"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/portforwarding"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/extensions/layer3/routers"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/subnets"
)

func router(client *gophercloud.ServiceClient, options routers.CreateOpts) *routers.Router {
	made := must(routers.Create(client, options).Extract())
	same("router", made.Status, "ACTIVE")
	later("router", made.ID,
		func() error { return routers.Delete(client, made.ID).ExtractErr() },
		func() error { return routers.Get(client, made.ID).Err })
	return made
}

func join(client *gophercloud.ServiceClient, routerID string, options routers.AddInterfaceOpts) *routers.InterfaceInfo {
	made := must(routers.AddInterface(client, routerID, options).Extract())
	settled("interface", must(ports.Get(client, made.PortID).Extract()).Status)
	later("interface", made.PortID, func() error {
		return routers.RemoveInterface(client, routerID, routers.RemoveInterfaceOpts{PortID: made.PortID}).Err
	}, func() error { return ports.Get(client, made.PortID).Err })
	return made
}

func tourRouters(client *gophercloud.ServiceClient) {
	out, outSubnet := outside(client)
	net := network(client, networks.CreateOpts{Name: "go-net"})
	one := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/24"})
	two := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.42.0.0/24"})
	made := router(client, routers.CreateOpts{
		Name: "go-router", Description: "first", AdminStateUp: to(true),
		GatewayInfo: &routers.GatewayInfo{
			NetworkID: out.ID, EnableSNAT: to(false),
			ExternalFixedIPs: []routers.ExternalFixedIP{{SubnetID: outSubnet.ID, IPAddress: "198.51.100.9"}},
		},
	})
	shown := must(routers.Get(client, made.ID).Extract())
	same("made and shown", shown, made)
	same("gateway", shown.GatewayInfo, routers.GatewayInfo{
		NetworkID: out.ID, EnableSNAT: to(false),
		ExternalFixedIPs: []routers.ExternalFixedIP{{SubnetID: outSubnet.ID, IPAddress: "198.51.100.9"}},
	})
	same("routes", shown.Routes, []routers.Route{})

	joined := join(client, made.ID, routers.AddInterfaceOpts{SubnetID: one.ID})
	same("interface's subnet", joined.SubnetID, one.ID)
	same("interface's router", joined.ID, made.ID)
	same("interface's address", must(ports.Get(client, joined.PortID).Extract()).FixedIPs[0].IPAddress, "10.41.0.1")
	its := must(ports.Create(client, ports.CreateOpts{NetworkID: net.ID, FixedIPs: []ports.IP{{SubnetID: two.ID}}}).Extract())
	same("by a port", join(client, made.ID, routers.AddInterfaceOpts{PortID: its.ID}).SubnetID, two.ID)

	routes := []routers.Route{{DestinationCIDR: "10.77.0.0/24", NextHop: "10.41.0.9"}}
	changed := must(routers.Update(client, made.ID, routers.UpdateOpts{Name: "go-changed", Routes: routes}).Extract())
	same("name", changed.Name, "go-changed")
	same("routes", changed.Routes, routes)
	same("the gateway stays", changed.GatewayInfo, shown.GatewayInfo)
	// Without routes it sends null for them.
	changed = must(routers.Update(client, made.ID, routers.UpdateOpts{
		Description: to(""), GatewayInfo: &routers.GatewayInfo{},
	}).Extract())
	same("no description", changed.Description, "")
	same("no routes", changed.Routes, []routers.Route{})
	same("no gateway", changed.GatewayInfo, routers.GatewayInfo{})
	found := must(routers.ExtractRouters(must(routers.List(client, routers.ListOpts{Name: "go-changed"}).AllPages())))
	same("found", found, []routers.Router{*changed})
	interfaces := must(ports.ExtractPorts(must(ports.List(client, ports.ListOpts{DeviceID: made.ID}).AllPages())))
	same("its ports", len(interfaces), 2)
}

func tourFloatingIPs(client *gophercloud.ServiceClient) {
	out, outSubnet := outside(client)
	net := network(client, networks.CreateOpts{Name: "go-net"})
	sub := subnet(client, subnets.CreateOpts{NetworkID: net.ID, CIDR: "10.41.0.0/24"})
	way := router(client, routers.CreateOpts{Name: "go-router", GatewayInfo: &routers.GatewayInfo{NetworkID: out.ID}})
	join(client, way.ID, routers.AddInterfaceOpts{SubnetID: sub.ID})
	web := port(client, ports.CreateOpts{NetworkID: net.ID, FixedIPs: []ports.IP{{SubnetID: sub.ID, IPAddress: "10.41.0.50"}}})

	made := must(floatingips.Create(client, floatingips.CreateOpts{
		FloatingNetworkID: out.ID, SubnetID: outSubnet.ID, PortID: web.ID, FixedIP: "10.41.0.50", Description: "first",
	}).Extract())
	later("floating IP", made.ID,
		func() error { return floatingips.Delete(client, made.ID).ExtractErr() },
		func() error { return floatingips.Get(client, made.ID).Err })
	settled("floating IP", made.Status)
	shown := must(floatingips.Get(client, made.ID).Extract())
	same("made and shown", shown, made)
	same("of", []string{shown.PortID, shown.FixedIP, shown.RouterID}, []string{web.ID, "10.41.0.50", way.ID})
	if shown.CreatedAt.IsZero() || shown.UpdatedAt.IsZero() {
		fail("made %v, changed %v", shown.CreatedAt, shown.UpdatedAt)
	}
	changed := must(floatingips.Update(client, made.ID, floatingips.UpdateOpts{Description: to("second"), PortID: to(web.ID)}).Extract())
	same("still of", changed.PortID, web.ID)
	changed = must(floatingips.Update(client, made.ID, floatingips.UpdateOpts{PortID: to("")}).Extract())
	same("of nobody", []string{changed.PortID, changed.FixedIP, changed.Description}, []string{"", "", "second"})
	found := must(floatingips.ExtractFloatingIPs(must(floatingips.List(client, floatingips.ListOpts{
		FloatingIP: made.FloatingIP, FloatingNetworkID: out.ID, Status: "DOWN",
	}).AllPages())))
	same("found", found, []floatingips.FloatingIP{*changed})

	forward := must(portforwarding.Create(client, made.ID, portforwarding.CreateOpts{
		InternalPortID: web.ID, InternalIPAddress: "10.41.0.50", InternalPort: 22, ExternalPort: 2222, Protocol: "tcp",
	}).Extract())
	same("forwarding, made and shown", must(portforwarding.Get(client, made.ID, forward.ID).Extract()), forward)
	moved := must(portforwarding.Update(client, made.ID, forward.ID, portforwarding.UpdateOpts{ExternalPort: 2223}).Extract())
	same("from", moved.ExternalPort, 2223)
	all := must(portforwarding.ExtractPortForwardings(must(portforwarding.List(client, portforwarding.ListOpts{}, made.ID).AllPages())))
	same("forwardings", all, []portforwarding.PortForwarding{*moved})
	done(portforwarding.Delete(client, made.ID, forward.ID).ExtractErr())
	refused[gophercloud.ErrDefault404]("a forwarding after its deletion", portforwarding.Get(client, made.ID, forward.ID).Err)
}
