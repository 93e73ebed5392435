Feature: The server as an end of the protocol
  What a device can rely on when it meets a server (AD 5.3.1.2).

  @LW-SRV-01 @ETS-1.0-int-101 @id:registration-answered
  Scenario: A registration is answered
    When a device registers
    Then the server confirms the registration and says where it is

  @LW-SRV-03 @id:no-registration-without-name
  Scenario: A registration without an endpoint name is refused
    Given a device that is registered
    When another device registers without an endpoint name
    Then the server refuses the registration as a bad request

  @LW-SRV-03 @id:no-registration-without-version
  Scenario: A registration without a version is refused
    Given a device that is registered
    When another device registers without a version
    Then the server refuses the registration as a bad request

  @LW-SRV-03 @id:no-registration-without-list
  Scenario: A registration without a list in link format is refused
    Given a device that is registered
    When another device registers with something that is no list of objects
    Then the server refuses the registration as a bad request

  @LW-SRV-03 @id:default-life-time
  Scenario: A registration that does not say its life time is taken
    # LW-D24: a server that wants it said is warned and not failed.
    Given a device that is registered
    When another device registers without a life time
    Then the server takes it that the life time is a day

  @LW-SRV-04 @id:newer-version-refused
  Scenario: A version beyond the server's own is refused, its own is not
    Given a device that is registered
    And devices that have tried to register with the other versions of the enabler
    When another device registers with a version beyond the server's own
    Then the server refuses the registration because of its version

  @LW-SRV-05 @id:unknown-objects-accepted
  Scenario: What the server does not know hinders no registration
    When a device registers with objects and attributes that nobody knows
    Then the server confirms the registration and says where it is

  @LW-SRV-08 @id:plays-no-client
  Scenario: The server does not answer what only a client answers
    Given a device that is registered
    When the device reads the server's manufacturer, as a server would read a device's
    Then the server refuses the request

  @LW-SRV-07 @inspect @id:where-it-stands
  Scenario: A person sees in whose domain the server stands
    When a device asks the server what it offers
    And the device registers
    Then where the server stands is on record, for a person who knows the network
