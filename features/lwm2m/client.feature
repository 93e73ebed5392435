@role:lwm2m-client
Feature: The client
  What a client is to its servers, which the tester plays (AD 5.3.1.1, B.2).

  @LW-CLI-01 @id:one-endpoint @ETS-1.0-int-101
  Scenario: A client is one endpoint of its device
    When the client is started
    Then the client registers under a name, and lists its device once

  @LW-CLI-03 @id:ping
  Scenario: A client says that it is there
    Given a client that is registered
    When its server asks the client whether it is there
    Then the client says that it is

  @LW-CLI-03 @id:copy-done-once
  Scenario: A request that arrives twice is done once
    Given a client that is registered
    When its server has the client update its registration, and the request arrives twice
    Then the client updates its registration once

  @LW-CLI-03 @id:critical-option
  Scenario: A critical option that the client does not know is refused
    Given a client that is registered
    When its server reads under a critical option that nobody knows
    Then the client refuses it because of that option
    And its server can read the client

  @LW-CLI-03 @id:unknown-path
  Scenario: What is not there cannot be read
    Given a client that is registered
    When its server reads an object that nobody has
    Then the client refuses it as nothing that it has
    And its server can read the client

  @LW-CLI-04 @id:read @ETS-1.0-int-201
  Scenario: A client is read
    Given a client that is registered
    When its server reads how the device can be reached
    Then the client answers with what was asked for

  @LW-CLI-04 @id:write @ETS-1.0-int-205
  Scenario: What was written is there
    Given a client that is registered
    When its server writes another life time
    Then the client confirms that it is done
    And its server reads what it wrote

  @LW-CLI-04 @id:write-is-told
  Scenario: A life time that was written is told
    Given a client that is registered
    When its server writes another life time
    Then the client tells its server of the new life time

  @LW-CLI-04 @id:execute @ETS-1.0-int-104
  Scenario: What is executed happens
    Given a client that is registered
    When its server has the client update its registration
    Then the client confirms that it is done
    And the client updates its registration

  @LW-CLI-04 @id:discover @ETS-1.0-int-260
  Scenario: What the device has can be discovered
    Given a client that is registered
    When its server discovers the device
    Then the client lists what its device has

  @LW-CLI-05 @id:stranger
  Scenario: A stranger changes nothing
    Given a client that is registered
    When a stranger writes another life time
    Then the client does not confirm that to the stranger
    And the life time is what it was

  @LW-CLI-05 @id:too-early
  Scenario: A server is obeyed once it has confirmed the registration
    Given a client whose registration is not confirmed yet
    When its server reads the client all the same, and confirms the registration then
    Then the client has not answered what came too early
    And its server can read the client

  @LW-CLI-06 @id:read-only @ETS-1.0-int-256
  Scenario: What is only to be read is not written
    Given a client that is registered
    When its server writes the number by which the client knows it
    Then the client refuses it as nothing that can be done there
    And the number is what it was

  @LW-CLI-06 @id:not-readable
  Scenario: What is to be executed is not read
    Given a client that is registered
    When its server reads what can only be executed
    Then the client refuses it as nothing that can be done there
    And its server can read the client

  @LW-CLI-06 @id:one-device @ETS-1.0-int-680
  Scenario: There is no second device
    Given a client that is registered
    When its server creates a second device
    Then the client refuses it as nothing that can be done there
    And there is still but one device
    And its server can read the client

  @LW-CLI-06 @id:device-stays @ETS-1.0-int-685
  Scenario: The device cannot be deleted
    Given a client that is registered
    When its server deletes the device
    Then the client refuses it as nothing that can be done there
    And its server can read the client

  @LW-CLI-06 @id:keys @ETS-1.0-int-221
  Scenario: Keys are no business of a server
    Given a client that is registered
    When its server reads the keys
    Then the client refuses it as no business of a server
    And its server can read the client

  @LW-CLI-07 @id:reboot @ETS-1.0-int-241
  Scenario: A device that is told to reboots, and comes back
    Given a client that is registered
    When its server has the device reboot
    Then the client confirms that it is done
    And the client registers again
    And its server can read what went wrong with the device

  @LW-CLI-07 @id:power-cycle
  Scenario: A device that was without power comes back as it was
    Given a client that is registered
    When its server writes another life time
    And the client loses its power, and gets it back
    Then the client registers again
    And the life time is still the one that was written

  @LW-CLI-09 @id:nothing-to-install
  Scenario: Firmware that nobody has brought is not installed
    Given a client that is registered
    When its server has firmware installed that nobody has brought
    Then the client refuses it as nothing that can be done there
    And the client has no firmware to install

  @LW-CLI-09 @id:package-taken-back @if:lwm2m.client.any_package
  Scenario: Firmware that was taken back is not there
    Given a client that is registered
    When its server writes a package
    Then the client has firmware to install
    When its server takes the package back
    Then the client has no firmware to install

  @LW-CLI-09 @id:installed @if:lwm2m.client.any_package
  Scenario: Firmware is brought, installed and reported
    Given a client that is registered
    When its server writes a package
    Then the client has firmware to install
    When its server has the package installed
    Then the client confirms that it is done
    And the client registers again
    And the client says that the firmware was installed

  @LW-MUL-01 @id:two-servers @two-servers @ETS-1.0-int-950
  Scenario: A client registers with all its servers
    When the client is started, and has two servers
    Then the client registers with each of them

  @LW-MUL-02 @id:refused-by-one @two-servers
  Scenario: What one server refuses is no matter of the other
    When the client is started, and the first of its two servers forbids the registration
    Then the client registers with the other server
    And the other server can discover the device
