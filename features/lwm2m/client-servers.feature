@role:lwm2m-client
Feature: A client and its two servers
  What one server has to do with the other at a client (AD B.2, 5.4).

  @LW-MUL-03 @if:lwm2m.client.attributes=true @id:own-attributes @two-servers @ETS-1.0-int-951
  Scenario: Each server has intervals of its own
    Given a client that is registered with two servers
    When each server wants reports of the device in intervals of its own
    Then each server finds its own intervals, and no others

  @LW-MUL-04 @id:own-observations @two-servers
  Scenario: One server ends its own observation, and not the other's
    Given a client that is registered with two servers
    And both servers observe the client, which reports every other second
    When the first server ends its observation with a request
    Then the client reports to the other server as before

  @LW-MUL-05 @LW-SEC-06 @id:rights @two-servers @if:lwm2m.client.access_control @ETS-1.0-int-950
  Scenario: What belongs to one server, the other may but read
    Given a client that is registered with two servers
    When the other server reads how the device can be reached
    Then the client answers with what was asked for
    When the other server writes the life time of the first
    Then the client refuses it as no right of that server
    And the life time is what it was
    When the other server deletes the account of the first
    Then the client refuses it as no right of that server
    And the first server still has its account
    When the other server has the device reboot
    Then the client refuses it as no right of that server

  @LW-MUL-06 @id:own-account @two-servers @if:lwm2m.client.access_control
  Scenario: The account of one server is hidden from the other
    Given a client that is registered with two servers
    When each server reads the accounts of servers
    Then each server is shown one account, and no two the same
