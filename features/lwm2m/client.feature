@role:lwm2m-client
Feature: The client
  What a client is to its servers, which the tester plays (AD 5.3.1.1).

  @LW-CLI-01 @id:one-endpoint @ETS-1.0-int-101
  Scenario: A client is one endpoint of its device
    When the client is started
    Then the client registers under a name, and lists its device once

  @LW-CLI-04 @id:read @ETS-1.0-int-201
  Scenario: A client is read
    Given a client that is registered
    When its server reads who made the device
    Then the client answers with what was asked for
