package main

import (
	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
	"github.com/gophercloud/gophercloud/openstack/identity/v3/applicationcredentials"
	"github.com/gophercloud/gophercloud/openstack/identity/v3/tokens"
	"github.com/gophercloud/gophercloud/openstack/networking/v2/networks"
	"github.com/gophercloud/utils/terraform/auth"
)

func list(client *gophercloud.ServiceClient) error {
	_, err := networks.List(client, networks.ListOpts{Limit: 1}).AllPages()
	return err
}

// waysIn: a password, its token, a token that is no more, an application credential.
func waysIn(options gophercloud.AuthOptions) {
	client := networkOf(options)
	done(list(client))
	client.ProviderClient.SetToken("no such token")
	done(list(client))
	byToken := gophercloud.AuthOptions{
		IdentityEndpoint: options.IdentityEndpoint, TokenID: client.Token(), TenantName: options.TenantName, DomainName: options.DomainName,
	}
	done(list(networkOf(byToken)))
	secret := credential(client, options.Username)
	program := networkOf(gophercloud.AuthOptions{
		IdentityEndpoint: options.IdentityEndpoint, ApplicationCredentialID: secret.ID, ApplicationCredentialSecret: secret.Secret,
	})
	done(list(program))
	refused[gophercloud.ErrDefault403]("a reader that makes", networks.Create(program, networks.CreateOpts{Name: "go"}).Err)
	wrong := options
	wrong.Password = "wrong, and long"
	_, err := openstack.AuthenticatedClient(wrong)
	refused[gophercloud.ErrDefault401]("a wrong password", err)
}

func credential(client *gophercloud.ServiceClient, name string) *applicationcredentials.ApplicationCredential {
	identity := must(openstack.NewIdentityV3(client.ProviderClient, gophercloud.EndpointOpts{}))
	user := must(tokens.Get(identity, client.Token()).ExtractUser())
	same("who", user.Name, name)
	made := must(applicationcredentials.Create(identity, user.ID, applicationcredentials.CreateOpts{
		Name: "go", Roles: []applicationcredentials.Role{{Name: "reader"}},
	}).Extract())
	later("credential", made.ID,
		func() error { return applicationcredentials.Delete(identity, user.ID, made.ID).ExtractErr() },
		func() error { return applicationcredentials.Get(identity, user.ID, made.ID).Err })
	return made
}

// asTerraform signs in by the code of Terraform's provider, with each way of its block "provider" that docs/identity.md names.
func asTerraform(options gophercloud.AuthOptions) {
	enter := func(block auth.Config) *gophercloud.ServiceClient {
		block.DelayedAuth, block.AllowReauth = true, true
		done(block.LoadAndValidate())
		client := must(block.NetworkingV2Client(""))
		done(list(client))
		return client
	}
	enter(auth.Config{
		IdentityEndpoint: options.IdentityEndpoint, Username: options.Username, Password: options.Password,
		TenantName: options.TenantName, DomainName: options.DomainName, Region: "RegionOne",
	})
	client := enter(auth.Config{Cloud: "netwright"})
	tourNetworks(client)
	leave()
	secret := credential(client, options.Username)
	enter(auth.Config{
		IdentityEndpoint: options.IdentityEndpoint, ApplicationCredentialID: secret.ID, ApplicationCredentialSecret: secret.Secret, Region: "RegionOne",
	})
}
