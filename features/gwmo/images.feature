@role:dm-gateway
Feature: Images
  A gateway keeps what its devices are to get, if the server wants it to (RD GwMO 1.0).

  @GwMO-DCIS-001 @id:kept
  Scenario: A device gets from the gateway what the origin has
    Given an image that the gateway keeps
    When a device fetches the image from the gateway
    Then the device has what the origin has

  @GwMO-DCIS-003 @id:keeping-off
  Scenario: With keeping off, no image is fetched
    Given the server has switched the keeping of images off
    When the server wants the gateway to keep an image
    Then the gateway does not fetch the image, until keeping is on again

  @GwMO-DCIS-002 @id:once
  Scenario: What several devices need is fetched once
    Given an image that the gateway keeps
    When two devices fetch the image from the gateway, which is to keep it once more
    Then the origin was asked for it once, and the device has what the origin has

  @GwMO-DCIS-001 @usecase:B.8 @id:updated
  Scenario: Devices of a group that are told where an image is get what the origin has
    Given an image that the gateway keeps
    And devices that fetch what they are told to be updated by
    And a group of the first and the second device
    When the server has the gateway tell the group where the image is
    Then each has what the origin has
