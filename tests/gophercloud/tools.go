package main

import (
	"fmt"
	"os"
	"reflect"

	"github.com/gophercloud/gophercloud"
	"github.com/gophercloud/gophercloud/openstack"
)

var (
	here   string
	leaves []func()
)

func fail(form string, values ...interface{}) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", here, fmt.Sprintf(form, values...))
	os.Exit(1)
}

// must is what was got; an error ends the tour.
func must[T any](got T, err error) T {
	done(err)
	return got
}

func done(err error) {
	if err != nil {
		fail("%T %v", err, err)
	}
}

// same ends the tour unless what was got is what was wanted.
func same(what string, got, wanted interface{}) {
	if !reflect.DeepEqual(got, wanted) {
		fail("%s: got %#v, wanted %#v", what, got, wanted)
	}
}

// refused ends the tour unless the error is of the type of the example, which gophercloud makes of the answer's status.
func refused[T error](what string, err error) {
	if _, is := err.(T); !is {
		fail("%s: %T %v", what, err, err)
	}
}

// later deletes what a stop has made, the last first, when the stop is done; then it must be gone.
func later(what string, id string, remove func() error, look func() error) {
	leaves = append(leaves, func() {
		done(remove())
		refused[gophercloud.ErrDefault404](what+" after its deletion", look())
	})
}

func leave() {
	for last := len(leaves) - 1; last >= 0; last-- {
		leaves[last]()
	}
	leaves = nil
}

// settled ends the tour unless the status is one that nobody waits to change, as Terraform's provider does for others.
func settled(what string, status string) {
	if status != "ACTIVE" && status != "DOWN" {
		fail("%s: %s", what, status)
	}
}

func to[T any](value T) *T { return &value }

// networkOf finds the Networking API in the catalog.
func networkOf(options gophercloud.AuthOptions) *gophercloud.ServiceClient {
	provider := must(openstack.AuthenticatedClient(options))
	return must(openstack.NewNetworkV2(provider, gophercloud.EndpointOpts{Region: "RegionOne"}))
}
