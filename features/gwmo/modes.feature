@role:dm-gateway
Feature: How a gateway works for a device
  For a device that knows the server, it passes notifications on; for one that knows the gateway only, it
  manages the device itself (RD GwMO 1.0).

  @GwMO-PMoDe-001 @id:proxied
  Scenario: What the server wants of a device is done by the gateway
    Given a device that has attached
    When the server has the gateway change something of the device and read it
    Then the device is told both once, in this order
    And the server is told what the device says

  @GwMO-TMode-001 @id:relayed
  Scenario: A notification is passed on as it is
    When the server sends the gateway a notification for a device that knows the server
    Then the device gets the notification as it was sent
