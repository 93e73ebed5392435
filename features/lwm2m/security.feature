@secured @if:lwm2m.security
Feature: Security
  Who comes over a secured association, and what that is worth (AD 5.4).

  @LW-SEC-01 @ETS-1.0-int-401 @id:who-has-the-key
  Scenario: Only who has the key gets a session
    Given a device that is registered
    When somebody comes as another device, under keys that are not its own
    And the device updates its registration
    Then nobody got a session who does not have the key

  @LW-SEC-02 @id:no-other-name
  Scenario: A session is worth no other name
    Given a device that is registered
    When another device registers under the name of the device
    Then the server refuses the request
    When the device updates its registration
    Then the server confirms the update

  @LW-SEC-04 @id:not-in-the-clear
  Scenario: Who has credentials is not served in the clear
    Given a device that is registered
    When somebody registers in the clear under the name of the device
    Then the server refuses the request

  @LW-SEC-05 @id:no-other-registration
  Scenario: A session opens no registration of another device
    Given a device that is registered
    When another device, which has a session, has the registration of the device removed
    Then the server refuses the request
    When the device updates its registration
    Then the server confirms the update

  @LW-SEC-08 @id:changed-records
  Scenario: What was changed on the way is not taken
    Given a device that is registered
    When updates of the device arrive in records with a bit that was changed on the way
    And the device updates its registration
    Then the server took nothing of that

  @LW-SEC-08 @id:unprotected-records
  Scenario: What is not protected is not taken in a session
    Given a device that is registered
    When an update of the device arrives in a record that is not protected
    And the device updates its registration
    Then the server took nothing of that

  @LW-SEC-10 @id:replayed-records
  Scenario: What comes again is not taken again
    Given a device that is registered
    When records with updates of the device arrive again, one at once and one after many others
    And the device updates its registration
    Then the server took each of them once

  @LW-SEC-14 @id:new-session
  Scenario: A device that comes back gets a new session
    Given a device that is registered
    When the device shakes hands again, from another place
    Then the device has a new session
    When the device registers over it
    Then the server confirms the registration and says where it is
