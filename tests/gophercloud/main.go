// A tour of the Networking API with gophercloud, of which Terraform's openstack provider is made.
//
// Who asks is in the environment (OS_AUTH_URL, OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME, OS_DOMAIN_NAME): an admin; the same, as the cloud
// `netwright`, in the file that OS_CLIENT_CONFIG_FILE names. Prints each stop's name; the first thing that is not as it should be ends it with code 1. It leaves nothing behind.
package main

import (
	"fmt"
	"os"

	"github.com/gophercloud/gophercloud"
)

var stops = []struct {
	name string
	run  func(gophercloud.AuthOptions)
}{
	{"ways in", waysIn},
	{"Terraform's ways in", asTerraform},
	{"networks", onNetwork(tourNetworks)},
	{"subnets", onNetwork(tourSubnets)},
	{"ports", onNetwork(tourPorts)},
	{"security groups", onNetwork(tourGroups)},
	{"pages", onNetwork(tourPages)},
	{"routers", onNetwork(tourRouters)},
	{"floating ips", onNetwork(tourFloatingIPs)},
	{"pools", onNetwork(tourPools)},
	{"trunks", onNetwork(tourTrunks)},
	{"quotas", onNetwork(tourQuotas)},
	{"tags", onNetwork(tourTags)},
	{"qos", onNetwork(tourQos)},
	{"sharing", onNetwork(tourSharing)},
	{"refusals", onNetwork(tourRefusals)},
}

func main() {
	options := fromEnvironment()
	for _, stop := range stops {
		here = stop.name
		stop.run(options)
		leave()
		fmt.Println(stop.name)
	}
}

func onNetwork(tour func(*gophercloud.ServiceClient)) func(gophercloud.AuthOptions) {
	return func(options gophercloud.AuthOptions) { tour(networkOf(options)) }
}

func fromEnvironment() gophercloud.AuthOptions {
	return gophercloud.AuthOptions{
		IdentityEndpoint: os.Getenv("OS_AUTH_URL"),
		Username:         os.Getenv("OS_USERNAME"),
		Password:         os.Getenv("OS_PASSWORD"),
		TenantName:       os.Getenv("OS_PROJECT_NAME"),
		DomainName:       os.Getenv("OS_DOMAIN_NAME"),
		AllowReauth:      true,
	}
}
