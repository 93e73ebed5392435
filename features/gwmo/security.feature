@role:dm-gateway
Feature: Who may come
  The rules of device management for who proves what to whom hold at a gateway, too (RD GwMO 1.0).

  @GwMO-SECACATE-001 @id:wrong-password
  Scenario: A device that shows a wrong password is not let in
    When a device attaches that shows a wrong password
    Then the inventory has no record of the device
